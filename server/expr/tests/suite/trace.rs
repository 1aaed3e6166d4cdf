//! What the simulator shows.

use basalt_expr::{Env, Outcome, TraceStep};
use serde_json::{Value, json};

use crate::support::{compile, rule};

fn trace(source: &str, auth: &Value, doc: &Value) -> (Outcome, Vec<(String, Option<Value>, String)>) {
    let env = Env { auth, ..Env::of_document(doc) };
    let (outcome, steps) = compile(source, &rule()).trace(&env);
    let named = |step: TraceStep| (source[step.from..step.to].to_owned(), step.value, step.why);
    (outcome, steps.into_iter().map(named).collect())
}

#[test]
fn each_part_has_its_value_and_a_reason() {
    let source = "auth != null && (doc.owner == auth.id || doc.public)";
    let (outcome, steps) = trace(source, &json!({"id": "u1"}), &json!({"owner": "u2", "public": false}));
    assert_eq!(outcome, Outcome::False);
    let shown: Vec<String> = steps
        .iter()
        .filter(|(part, _, _)| part.contains(' ') || part.contains('.'))
        .map(|(part, value, why)| format!("{part} = {}: {why}", value.as_ref().unwrap()))
        .collect();
    assert_eq!(
        shown,
        [
            "auth != null = true: {\"id\":\"u1\"} is not equal to null",
            "doc.owner = \"u2\": it is \"u2\"",
            "auth.id = \"u1\": it is \"u1\"",
            "doc.owner == auth.id = false: \"u2\" is not equal to \"u1\"",
            "doc.public = false: it is false",
            "doc.owner == auth.id || doc.public = false: no part is true",
            &format!("{source} = false: `doc.owner == auth.id || doc.public` is false"),
        ]
    );
}

#[test]
fn errors_are_without_a_value_and_tell_their_origin() {
    let (outcome, steps) = trace("doc.ownr == 'a' || doc.n > 1", &Value::Null, &json!({"owner": "a", "n": 2}));
    assert_eq!(outcome, Outcome::True);
    let find = |part: &str| steps.iter().find(|(own, _, _)| own == part).unwrap();
    assert_eq!(find("doc.ownr").1, None);
    assert_eq!(find("doc.ownr").2, "there is no `ownr`");
    assert_eq!(find("doc.ownr == 'a'").1, None);
    assert_eq!(find("doc.ownr == 'a'").2, "`doc.ownr`: there is no `ownr`");
    assert_eq!(find("doc.n > 1").2, "of 2 and 1");
    assert_eq!(find("doc.ownr == 'a' || doc.n > 1").2, "`doc.n > 1` is true");
}

#[test]
fn what_was_not_needed_is_absent_and_long_traces_end() {
    let (_, steps) = trace("doc.off && doc.missing", &Value::Null, &json!({"off": false}));
    assert!(steps.iter().all(|(part, _, _)| part != "doc.missing"));
    let doc = json!({"l": (0..2_000).collect::<Vec<_>>(), "text": "x".repeat(5_000)});
    let (outcome, steps) = trace("doc.l.all(n, n >= 0) && doc.text != ''", &Value::Null, &doc);
    assert_eq!(outcome, Outcome::True);
    assert_eq!(steps.len(), 1_000);
    assert!(steps.iter().all(|(_, value, why)| why.len() < 300 && value.as_ref().unwrap().to_string().len() < 3_000));
}

#[test]
fn spans_take_in_brackets_calls_and_signs() {
    let source = "size( doc.l ) == (1 + 2) && has(doc.m.x) && doc.l.exists(e, (e) == -1) && doc.m['x'] in [1, 2]";
    let doc = json!({"l": [-1, 0, 0], "m": {"x": 1}});
    let (outcome, steps) = trace(source, &Value::Null, &doc);
    assert_eq!(outcome, Outcome::True);
    for part in [
        "size( doc.l )",
        "1 + 2",
        "size( doc.l ) == (1 + 2)",
        "has(doc.m.x)",
        "doc.l.exists(e, (e) == -1)",
        "(e) == -1",
        "-1",
        "doc.m['x']",
        "doc.m['x'] in [1, 2]",
        "[1, 2]",
        source,
    ] {
        assert!(steps.iter().any(|(own, _, _)| own == part), "{part:?} is not in {steps:?}");
    }
}
