//! No input makes the compiler panic, hang or overflow the stack.

use std::time::{Duration, Instant};

use basalt_expr::testkit::{self, Times};
use basalt_expr::{Env, Expression};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::json;

use crate::support::{filter, list_rule, rule};

/// Compiles under every scope and does all that can be done with the result.
fn use_up(source: &str) {
    let (doc, auth) = (json!({"a": 1, "l": [1, "a"]}), json!({"id": "u1", "roles": ["a"]}));
    let env = Env { auth: &auth, vars: Some(&doc), ..Env::of_document(&doc) };
    for scope in [rule(), list_rule(), filter()] {
        match Expression::compile(source, &scope, &Times) {
            Ok(expression) => {
                let (outcome, steps) = expression.trace(&env);
                assert_eq!(outcome, expression.evaluate(&env));
                for step in steps {
                    assert!(source.get(step.from..step.to).is_some(), "{step:?}");
                }
                let lowered = expression.lower(&env);
                // Only bound values can still make it impossible.
                let binds = source.contains("vars") || source.contains("auth");
                assert!(lowered.is_ok() || !scope.lowered || binds, "{lowered:?}");
                expression.doc_fields();
                expression.equality_fields();
                expression.contains_fields();
                expression.names();
            }
            Err(faults) => {
                assert!(!faults.is_empty());
                for fault in faults {
                    assert!(fault.line >= 1 && fault.column >= 1 && !fault.message.is_empty(), "{fault:?}");
                }
            }
        }
    }
}

/// Pieces of the language, so that what is glued together gets past the first tokens.
const PIECES: [&str; 64] = [
    "doc",
    ".a",
    ".l",
    "auth",
    ".id",
    "vars",
    ".x",
    "==",
    "!=",
    "<",
    "<=",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    "in ",
    "true",
    "false",
    "null",
    "1",
    "-1",
    "1.5",
    "0x1F",
    "1u",
    "'a'",
    "\"b\"",
    "r'\\d'",
    "b'x'",
    "'''t'''",
    "has(",
    "size(",
    ".exists(e, ",
    ".all(e, ",
    ".map(e, ",
    ".startsWith(",
    ".matches(",
    "get('a', ",
    "exists('a', ",
    "timestamp(",
    "duration('1h')",
    "request.time",
    "unchanged('a')",
    "limit('a', 1, duration('1m'))",
    "e",
    "geo.distance(",
    ".",
    " ",
    "\n",
    "// x\n",
    "é",
    "type(",
];

proptest! {
    #![proptest_config(Config { cases: 2_000 * testkit::longer(), failure_persistence: None, ..Config::default() })]

    #[test]
    fn characters(source in "\\PC{0,60}") {
        use_up(&source);
    }

    #[test]
    fn characters_of_the_language(source in "[a-z0-9 .,'\"\\\\()\\[\\]{}<>=!&|?:+*/%\n_-]{0,60}") {
        use_up(&source);
    }

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        use_up(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn pieces(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)) {
        use_up(&pieces.concat());
    }

    #[test]
    fn broken_expressions(expression in testkit::lowerable().prop_map(|case| case.expression), at in any::<prop::sample::Index>(), length in 0_usize..6, piece in prop::sample::select(&PIECES[..])) {
        let characters: Vec<char> = expression.chars().collect();
        let from = at.index(characters.len() + 1);
        let to = (from + length).min(characters.len());
        let mut broken: String = characters[..from].iter().collect();
        broken.push_str(piece);
        broken.extend(&characters[to..]);
        use_up(&broken);
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let within = Duration::from_secs(10);
    let started = Instant::now();
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{'a':", "}"),
        ("!(", ")"),
        ("size(", ")"),
        ("doc[", "]"),
        ("-(", ")"),
        ("has(doc.", ")"),
        ("doc.l.exists(e, ", ")"),
        ("true ? (", ") : false"),
        ("get('a', ", ").b"),
    ] {
        for levels in [8, 31, 32, 33, 100, 1_000, 10_000] {
            use_up(&format!("{}doc.a{}", open.repeat(levels), close.repeat(levels)));
            use_up(&open.repeat(levels));
        }
    }
    for piece in
        ["doc.a == 1 || ", "1 + ", "doc.", "!", "-", "'a' in ", "doc.a ? true : ", "[1,", "a ", "((doc.a)) && ", "1,"]
    {
        for times in [10, 30, 130, 500, 100_000] {
            use_up(&format!("{}doc.a", piece.repeat(times)));
        }
    }
    assert!(started.elapsed() < within, "{:?}", started.elapsed());
}

#[test]
fn a_ternary_in_a_ternary_s_condition_can_not_explode() {
    let mut source = "doc.a".to_owned();
    for _ in 0..20 {
        source = format!("({source} ? doc.b : doc.c)");
    }
    let faults = Expression::compile(&source, &list_rule(), &Times).unwrap_err();
    assert!(faults[0].message.contains("too large"), "{faults:?}");
    Expression::compile(&source, &rule(), &Times).unwrap();
}

#[test]
fn a_small_stack_is_enough() {
    let work = || {
        for source in [
            format!("{}doc.a{}", "(".repeat(32), ")".repeat(32)),
            format!("{}doc.a{}", "!(".repeat(31), ")".repeat(31)),
            format!("{}1{} == doc.a", "[".repeat(29), "]".repeat(29)),
            format!("{}doc.a == 1{}", "doc.l.exists(e, ".repeat(30), ")".repeat(30)),
            format!("{}doc.a == 1{}", "f(a + a * a < ".repeat(30), ")".repeat(30)),
        ] {
            use_up(&source);
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
}
