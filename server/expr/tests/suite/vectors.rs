//! The cases of `tests/vectors/cel.json`, which every implementation of the language has to agree with.
//!
//! A case binds what its expression names; a name that it doesn't bind is an empty map (`auth`: null). Those under
//! `random` are written anew, after a change of the language or of its generator, by
//! `BASALT_WRITE_VECTORS=1 cargo test -p basalt-expr --test suite vectors`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use basalt_core::Timestamp;
use basalt_expr::testkit::{self, Case};
use basalt_expr::{Env, Expression, NoLookups, Outcome, RequestValues, Scope, Undeclared};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

const NOW: &str = "2026-11-22T08:00:00.000Z";
/// Random cases of each outcome.
const OF_EACH: usize = 100;

fn file() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/cel.json")).unwrap()
}

fn evaluate(vector: &Value) -> Result<Outcome, String> {
    let scope = Scope {
        auth: true,
        doc: true,
        next: true,
        vars: true,
        request: true,
        bare_fields: true,
        lookups: true,
        unchanged: true,
        ..Scope::default()
    };
    let source = vector["expression"].as_str().unwrap();
    let compiled = Expression::compile(source, &scope, &Undeclared).map_err(|faults| format!("{faults:?}"))?;
    let nothing = json!({});
    let bound = |name: &str| vector.get(name).unwrap_or(&nothing);
    let request = RequestValues {
        id: "r1".into(),
        time: Timestamp::parse(vector.get("now").and_then(Value::as_str).unwrap_or(NOW)).unwrap(),
        ip: None,
        method: "GET".into(),
    };
    let env = Env {
        auth: vector.get("auth").unwrap_or(&Value::Null),
        request: Some(&request),
        doc: Some(bound("doc").into()),
        next: Some(bound("next").into()),
        vars: Some(bound("vars")),
        lookups: &NoLookups,
        ..Env::empty()
    };
    let outcome = compiled.evaluate(&env);
    // The simulator sees what the evaluator sees.
    assert_eq!(compiled.trace(&env).0, outcome, "{source}");
    Ok(outcome)
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::True => "true",
        Outcome::False => "false",
        _ => "error",
    }
}

#[test]
fn every_vector_has_its_result() {
    let file = file();
    let (cases, random) = (file["cases"].as_array().unwrap(), file["random"].as_array().unwrap());
    assert!(cases.len() >= 750, "{}", cases.len());
    assert_eq!(random.len(), 3 * OF_EACH);
    let mut wrong = Vec::new();
    for vector in cases.iter().chain(random) {
        match evaluate(vector) {
            Ok(outcome) if vector["expected"] == name(&outcome) => {}
            odd => wrong.push(format!("{vector}: {odd:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same at each run.
#[test]
fn random_vectors_are_found_for_each_result() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    let mut found = [const { Vec::new() }; 3];
    let kinds: [BoxedStrategy<Case>; 2] = [testkit::lowerable().boxed(), testkit::plain_cel().boxed()];
    for kind in kinds.iter().cycle().take(60_000) {
        let case = kind.new_tree(&mut runner).unwrap().current();
        let Some((outcome, vector)) = random_vector(&case) else { continue };
        let place = ["true", "false", "error"].iter().position(|name| *name == outcome).unwrap();
        if found[place].len() < OF_EACH && seen.insert(case.expression) {
            found[place].push(vector);
        }
        if found.iter().all(|vectors| vectors.len() == OF_EACH) {
            break;
        }
    }
    let random = found.concat();
    assert_eq!(random.len(), 3 * OF_EACH);
    if is_writing() {
        let mut file = file();
        file["random"] = random.into();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/cel.json");
        std::fs::write(path, printed(&file)).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are the outside: whoever changes the language says so")]
fn is_writing() -> bool {
    std::env::var_os("BASALT_WRITE_VECTORS").is_some()
}

/// A case that other implementations can be asked, with what it names alone.
fn random_vector(case: &Case) -> Option<(&'static str, Value)> {
    let Case { expression, world } = case;
    let is_alone = !expression.contains("get('") && !expression.contains("exists('");
    if !is_alone || !(12..400).contains(&expression.len()) {
        return None;
    }
    let mut vector = Map::from_iter([("expression".to_owned(), json!(expression))]);
    for (name, value) in [("auth", &world.auth), ("doc", &world.doc), ("vars", &world.vars)] {
        if !expression.contains(name) {
            continue;
        }
        let mut value = value.clone();
        if let (Value::Object(map), false) = (&mut value, expression.contains(&format!("{name}["))) {
            map.retain(|member, _| expression.contains(&format!("{name}.{member}")) || member == "k");
        }
        if !is_exact(&value) {
            return None;
        }
        vector.insert(name.to_owned(), value);
    }
    vector.insert("now".to_owned(), json!(world.request.time.to_string()));
    let mut vector = Value::Object(vector);
    let outcome = name(&evaluate(&vector).ok()?);
    vector["expected"] = json!(outcome);
    Some((outcome, vector))
}

/// Whether its numbers survive in a language whose only numbers are floats.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_none_or(|whole| (whole as f64).to_string() == whole.to_string()),
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(map) => map.values().all(is_exact),
        _ => true,
    }
}

/// A case a line, so that changes are seen.
fn printed(file: &Value) -> String {
    let mut text = format!("{{\n\"about\":{}", file["about"]);
    for part in ["cases", "random"] {
        let lines: Vec<String> = file[part].as_array().unwrap().iter().map(Value::to_string).collect();
        write!(text, ",\n\"{part}\":[\n{}\n]", lines.join(",\n")).unwrap();
    }
    text + "\n}\n"
}
