//! Patches against plain models of what they are to do.

use std::collections::BTreeSet;

use basalt_core::{DocumentId, Timestamp, json};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Base, Patch};
use crate::documents::input::PatchBody;

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        (-3.0_f64..3.0).prop_map(|n| json::canonical(Value::from(n))),
        "[ab]{0,2}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-c]", value(), 0..4).prop_map(|map| map.into_iter().collect())
}

fn apply(stored: Map<String, Value>, patch: Value) -> basalt_core::Result<Value> {
    let id = DocumentId::parse("x")?;
    let mut readable = stored;
    readable.insert("id".into(), "x".into());
    let unreadable = BTreeSet::new();
    let base = Base { readable, unreadable: &unreadable, now: Timestamp::from_millis(0), is_time: &|_| false };
    let body = match patch {
        Value::Object(map) => PatchBody::Merge(map),
        list => PatchBody::Json(list),
    };
    Patch::parse(body)?.apply(&id, base).map(|patched| Value::Object(patched.fields))
}

proptest! {
    #[test]
    fn without_operators_it_is_the_standards_merge(stored in object(), patch in object()) {
        let mut expected = Value::Object(stored.clone());
        json_patch::merge(&mut expected, &Value::Object(patch.clone()));
        prop_assert_eq!(apply(stored, Value::Object(patch)).unwrap(), expected);
    }

    #[test]
    fn union_and_remove_are_those_of_lists_without_order(
        stored in prop::collection::vec(value(), 0..6),
        items in prop::collection::vec(value(), 0..6),
    ) {
        let document = || Map::from_iter([("l".to_owned(), json!(stored))]);
        let mut union = stored.clone();
        for item in &items {
            if !union.contains(item) {
                union.push(item.clone());
            }
        }
        prop_assert_eq!(apply(document(), json!({"l": {"$union": items}})).unwrap(), json!({"l": union}));
        let removed: Vec<Value> = stored.iter().filter(|value| !items.contains(value)).cloned().collect();
        prop_assert_eq!(apply(document(), json!({"l": {"$remove": items}})).unwrap(), json!({"l": removed}));
    }

    #[test]
    fn increments_are_exact_or_refused(a in any::<i64>(), b in any::<i64>()) {
        let document = Map::from_iter([("n".to_owned(), json!(a))]);
        let sum = apply(document, json!({"n": {"$increment": b}})).ok();
        prop_assert_eq!(sum, a.checked_add(b).map(|sum| json!({"n": sum})));
    }

    #[test]
    fn max_and_min_are_of_the_values(a in -1e18_f64..1e18, b in any::<i64>()) {
        let a = json::canonical(Value::from(a));
        let larger = |x: &Value, y: &Value| basalt_core::key::of(Some(x)) > basalt_core::key::of(Some(y));
        let b = json!(b);
        let document = || Map::from_iter([("n".to_owned(), a.clone())]);
        let max = if larger(&b, &a) { &b } else { &a };
        let min = if larger(&a, &b) { &b } else { &a };
        prop_assert_eq!(&apply(document(), json!({"n": {"$max": b}})).unwrap()["n"], max);
        prop_assert_eq!(&apply(document(), json!({"n": {"$min": b}})).unwrap()["n"], min);
    }

    #[test]
    fn no_json_patch_panics_or_nests_too_deep(
        stored in object(),
        operations in prop::collection::vec(
            (
                prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test", "odd"]),
                "(/[a-c0-1~-]{0,2}){0,3}",
                "(/[a-c0-1]{0,2}){0,3}",
                value(),
            ),
            0..8,
        ),
    ) {
        let operations: Vec<Value> = operations
            .into_iter()
            .map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
            .collect();
        if let Ok(patched) = apply(stored, json!(operations)) {
            prop_assert!(json::depth(&patched) <= basalt_core::limits::JSON_DEPTH);
        }
    }
}
