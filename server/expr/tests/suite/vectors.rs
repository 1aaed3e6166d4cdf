//! The hand-made cases of `vectors.json`, which every implementation of the language has to agree with.
//!
//! A case binds what its expression names; a name that it doesn't bind is an empty map (`auth`: null).

use basalt_expr::{Env, Expression, Outcome, Scope, Undeclared};
use serde_json::{Value, json};

#[test]
fn every_vector_has_its_result() {
    let text = include_str!("../../vectors.json");
    let vectors: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(vectors.len() >= 150, "{}", vectors.len());
    let scope = Scope { auth: true, doc: true, next: true, vars: true, unchanged: true, ..Scope::default() };
    let nothing = json!({});
    let mut wrong = Vec::new();
    for vector in &vectors {
        let source = vector["expr"].as_str().unwrap();
        let bound = |name: &str| vector["env"].get(name).unwrap_or(&nothing);
        let compiled = match Expression::compile(source, &scope, &Undeclared) {
            Ok(compiled) => compiled,
            Err(faults) => {
                wrong.push(format!("{source}: {faults:?}"));
                continue;
            }
        };
        let env = Env {
            auth: vector["env"].get("auth").unwrap_or(&Value::Null),
            doc: Some(bound("doc")),
            next: Some(bound("next")),
            vars: Some(bound("vars")),
            ..Env::empty()
        };
        let outcome = compiled.evaluate(&env);
        let found = match &outcome {
            Outcome::True => json!(true),
            Outcome::False => json!(false),
            _ => json!("error"),
        };
        if found != vector["result"] {
            wrong.push(format!("{source}: {outcome:?}, not {}", vector["result"]));
        }
        // The simulator sees what the evaluator sees.
        assert_eq!(compiled.trace(&env).0, outcome, "{source}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
