//! The cases of `tests/vectors/patch.json`, which clients that write offline have to agree with.

use std::collections::BTreeSet;

use basalt_core::{DocumentId, Result, Timestamp};
use serde_json::{Map, Value};

use super::{Base, Patch};
use crate::documents::input::PatchBody;

const NOW: &str = "2026-11-22T08:00:00.000Z";

fn apply(stored: &Map<String, Value>, patch: &Value) -> Result<Map<String, Value>> {
    let id = DocumentId::parse("x")?;
    let mut flat = stored.clone();
    for (name, value) in [("id", "x"), ("rev", "r1"), ("createdAt", NOW), ("updatedAt", NOW)] {
        flat.insert(name.into(), value.into());
    }
    let body = match patch {
        Value::Object(map) => PatchBody::Merge(map.clone()),
        list => PatchBody::Json(list.clone()),
    };
    let patch = Patch::parse(body)?;
    let now = Timestamp::parse(NOW).unwrap();
    let apply = |readable| {
        let base = Base { readable, unreadable: &BTreeSet::new(), now, is_time: &|_| false };
        patch.apply(&id, base).map(|patched| patched.fields)
    };
    let found = apply(flat);
    if !patch.asks_own_fields() {
        let without = apply(stored.clone());
        let text = |result: &Result<Map<String, Value>>| format!("{result:?}");
        assert_eq!(text(&without), text(&found), "{patch:?}");
    }
    found
}

#[test]
fn every_vector_has_its_result() {
    // Numbers are canonical, as of any body.
    let file = basalt_core::json::parse(include_bytes!("../../../../../tests/vectors/patch.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= 130, "{}", cases.len());
    for case in cases {
        let found = match apply(case["stored"].as_object().unwrap(), &case["patch"]) {
            Ok(fields) => Value::Object(fields),
            Err(error) => error.code().as_str().into(),
        };
        let expected = case.get("expected").unwrap_or(&case["error"]);
        assert_eq!(found, *expected, "{case}");
    }
}
