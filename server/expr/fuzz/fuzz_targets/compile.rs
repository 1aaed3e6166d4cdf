//! Any text, compiled under every scope; what compiles is evaluated and lowered.
#![no_main]

use basalt_expr::{Env, Expression, Scope, Undeclared};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|source: &str| {
    let doc = json!({"a": 1, "l": [1, "a", {"x": null}], "s": "a", "t": "2026-11-22T08:00:00.000Z"});
    let auth = json!({"id": "u1", "roles": ["a"], "claims": {}});
    let env = Env { auth: &auth, next: Some((&doc).into()), vars: Some(&doc), ..Env::of_document(&doc) };
    for (lowered, bare_fields) in [(false, false), (true, false), (true, true)] {
        let scope = Scope {
            auth: true,
            request: true,
            doc: true,
            next: true,
            vars: true,
            params: true,
            bare_fields,
            lookups: true,
            unchanged: true,
            limit: true,
            lowered,
        };
        if let Ok(expression) = Expression::compile(source, &scope, &Undeclared) {
            assert_eq!(expression.trace(&env).0, expression.evaluate(&env));
            let _ = expression.lower(&env);
            expression.doc_fields();
        }
    }
});
