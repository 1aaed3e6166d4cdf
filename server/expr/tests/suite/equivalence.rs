//! The same answer everywhere: the evaluator, the lowered filter under an independent evaluator, and the `cel` crate's
//! interpreter where its semantics are ours.

use std::sync::Arc;

use basalt_core::filter::Filter;
use basalt_core::truth::{self, LookUps, Truth};
use basalt_core::{CollectionName, Document, DocumentId, Rev, Timestamp};
use basalt_expr::testkit::{self, Case, Times, World};
use basalt_expr::{Doc, Env, Expression, Flat, Lowered, Outcome, Scope};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 5_000, ..Config::default() }
}

fn scope(lowered: bool) -> Scope {
    Scope { auth: true, request: true, doc: true, vars: true, lookups: true, lowered, ..Scope::default() }
}

/// True, false, or neither.
fn three_valued(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Outcome::True => Some(true),
        Outcome::False => Some(false),
        Outcome::Error(_) => None,
        Outcome::Need(_) | Outcome::Limited => panic!("{outcome:?} in a world where everything is known"),
    }
}

fn truth_of(answer: Option<bool>) -> Truth {
    match answer {
        Some(true) => Truth::True,
        Some(false) => Truth::False,
        None => Truth::Error,
    }
}

/// All documents of a world, for filters in memory.
struct Everything<'w>(&'w World);

impl LookUps for Everything<'_> {
    fn find(&self, collection: &CollectionName, id: &str) -> truth::Found<'_> {
        match self.0.find(collection, id).and_then(Value::as_object) {
            Some(document) => truth::Found::Document(document),
            None => truth::Found::Missing,
        }
    }
}

/// Runs the cases that compile, and fails when too few of them do.
fn run(strategy: impl Strategy<Value = Case>, test: impl Fn(&Case) -> Result<bool, TestCaseError>) {
    let cases = 4_000 * testkit::longer();
    let tried = std::cell::Cell::new(0_u32);
    let result = TestRunner::new(config(cases)).run(&strategy, |case| {
        tried.set(tried.get() + u32::from(test(&case)?));
        Ok(())
    });
    result.unwrap();
    assert!(tried.get() * 10 >= cases * 7, "only {} of {cases} random expressions were tried", tried.get());
}

#[test]
fn a_lowered_filter_answers_as_the_evaluator_does() {
    run(testkit::lowerable(), |Case { expression, world }| {
        let Ok(compiled) = Expression::compile(expression, &scope(true), &Times) else { return Ok(false) };
        let outcome = compiled.evaluate(&world.env(Some(&world.doc)));
        let expected = three_valued(&outcome);
        let filter: Filter = match compiled.lower(&world.env(None)) {
            Ok(Lowered::Filter(filter)) => filter,
            Ok(Lowered::Need(needs)) => return Err(TestCaseError::fail(format!("{needs:?} are known"))),
            Err(_) => return Ok(false),
        };
        let find = |collection: &_, id: &str| world.find(collection, id).cloned();
        let answer = testkit::matches(&filter, &world.doc, &find);
        prop_assert_eq!(answer, expected, "{:?} for {:?}", outcome, filter);
        let document = world.doc.as_object().unwrap();
        let in_memory = truth::of(&filter, document, &Everything(world));
        prop_assert_eq!(in_memory, truth_of(expected), "in memory, for {:?}", filter);
        let open = truth::of(&filter, document, &truth::NothingKnown);
        prop_assert!(open == Truth::Open || open == in_memory, "{:?} though {:?} in the end", open, in_memory);
        Ok(true)
    });
}

/// A stored document isn't made flat for its fields, and answers as its flat form does.
#[test]
fn a_stored_document_answers_as_its_flat_form_does() {
    let either = prop_oneof![testkit::lowerable(), testkit::plain_cel()];
    run(either, |Case { expression, world }| {
        let Ok(compiled) = Expression::compile(expression, &scope(false), &Times) else { return Ok(false) };
        let document = stored(&world.doc);
        let (flat, whole) = (Flat::default(), Value::Object(document.to_flat()));
        let env = world.env(None);
        let ask = |doc| compiled.evaluate(&Env { doc: Some(doc), ..env });
        prop_assert_eq!(ask(flat.of(&document)), ask(Doc::Flat(&whole)));
        Ok(true)
    });
}

#[test]
fn what_is_asked_of_a_stored_document_is_what_its_flat_form_has() {
    let before = stored(&json!({"id": "x", "a": {"b": 1}, "n": 1, "in": null}));
    let after = stored(&json!({"id": "x", "a": {"b": 1}, "n": 2}));
    let scope = Scope { doc: true, next: true, unchanged: true, ..Scope::default() };
    for (source, wanted) in [
        ("doc.id == 'x' && doc.rev == 'r' && doc.createdAt <= doc.updatedAt", true),
        ("has(doc.id) && has(doc.a.b) && !has(doc.other) && has(next.updatedAt)", true),
        ("'n' in doc && 'rev' in next && !('other' in next)", true),
        ("size(doc) == 7 && size(next) == 6", true),
        ("doc == next", false),
        ("doc == doc && doc['id'] == next['id']", true),
        ("unchanged('a', 'a.b', 'id', 'rev', 'other')", true),
        ("unchanged('n')", false),
        ("unchanged('in')", false),
    ] {
        let compiled =
            Expression::compile(source, &scope, &Times).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
        let (first, second) = (Flat::default(), Flat::default());
        let stored = Env { doc: Some(first.of(&before)), next: Some(second.of(&after)), ..Env::empty() };
        let wanted = if wanted { Outcome::True } else { Outcome::False };
        assert_eq!(compiled.evaluate(&stored), wanted, "{source}");
        let (doc, next) = (Value::Object(before.to_flat()), Value::Object(after.to_flat()));
        let flat = Env { doc: Some((&doc).into()), next: Some((&next).into()), ..Env::empty() };
        assert_eq!(compiled.trace(&flat).1, compiled.trace(&stored).1, "{source}");
    }
}

fn stored(doc: &Value) -> Document {
    let mut data = doc.as_object().unwrap().clone();
    let id = data.remove("id").and_then(|id| DocumentId::parse(id.as_str()?).ok());
    let now = Timestamp::from_millis(1_700_000_000_000);
    let id = id.unwrap_or_else(|| DocumentId::parse("x").unwrap());
    Document { id, rev: Rev::parse("r").unwrap(), created_at: now, updated_at: now, data }
}

/// Where `cel` differs on purpose, the generator makes no such expressions: it orders booleans; it takes maps as ranges
/// of macros and refuses keys of maps that aren't texts; it compares integers with floats by rounding; it refuses
/// arithmetic between them, and lets floats overflow. Times are left out because its `chrono` feature is off.
#[test]
fn the_evaluator_answers_as_cel_does() {
    run(testkit::plain_cel(), |Case { expression, world }| {
        let Ok(compiled) = Expression::compile(expression, &scope(false), &Times) else { return Ok(false) };
        let outcome = compiled.evaluate(&world.env(Some(&world.doc)));
        let program = cel::Program::compile(expression).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut context = cel::Context::default();
        for (name, value) in [("auth", &world.auth), ("doc", &world.doc), ("vars", &world.vars)] {
            context.add_variable_from_value(name, to_cel(value));
        }
        let answer = match program.execute(&context) {
            Ok(cel::Value::Bool(value)) => Some(value),
            Ok(_) | Err(_) => None,
        };
        prop_assert_eq!(answer, three_valued(&outcome), "{:?}", outcome);
        Ok(true)
    });
}

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => cel::Value::Int(integer),
            None => cel::Value::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(map) => {
            let map: std::collections::HashMap<String, cel::Value> =
                map.iter().map(|(key, value)| (key.clone(), to_cel(value))).collect();
            cel::Value::Map(map.into())
        }
    }
}
