//! RFC 6902 patches, bounded in number and in what `copy` can make of them.

use std::collections::BTreeSet;

use basalt_core::json::depth;
use basalt_core::limits::{DOCUMENT_BYTES, JSON_DEPTH};
use basalt_core::{Code, Error, Result};
use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::{Map, Value};

use super::{Base, bad_patch};

/// Operations of one patch.
const MOST_OPERATIONS: usize = 200;
/// Operations times bytes of the document: what one patch may cost, since each operation may walk all of it.
const MOST_WORK: usize = 32 << 20;

#[derive(Clone, Debug)]
pub(crate) struct JsonPatch(Vec<PatchOperation>);

impl JsonPatch {
    pub(super) fn parse(value: Value) -> Result<Self> {
        let Value::Array(items) = value else { return Err(bad_patch("A JSON Patch is a list of operations.")) };
        if items.len() > MOST_OPERATIONS {
            return Err(bad_patch(format!("A JSON Patch has at most {MOST_OPERATIONS} operations.")));
        }
        let operation = |(index, item)| {
            serde_json::from_value(item).map_err(|_| {
                bad_patch(format!("/{index} is not an operation of JSON Patch (RFC 6902): see op, path, value, from."))
            })
        };
        items.into_iter().enumerate().map(operation).collect::<Result<_>>().map(Self)
    }

    pub(super) fn tests(&self) -> bool {
        self.0.iter().any(|operation| matches!(operation, PatchOperation::Test(_)))
    }

    pub(super) fn apply(&self, base: Base<'_>) -> Result<(Map<String, Value>, BTreeSet<String>)> {
        let mut document = Value::Object(base.readable);
        self.check_work(&document)?;
        let mut copied = 0;
        for (index, operation) in self.0.iter().enumerate() {
            check_depth(&document, operation)?;
            if let PatchOperation::Copy(copy) = operation {
                copied += document.pointer(copy.from.as_str()).map_or(0, size);
                if copied > 2 * DOCUMENT_BYTES {
                    return Err(Error::new(Code::TooLarge, "The patch copies more than a document can hold."));
                }
            }
            apply_one(&mut document, operation, index)?;
        }
        let Value::Object(fields) = document else {
            return Err(bad_patch("The patch would replace the document by what is no object."));
        };
        let overridden = base.unreadable.iter().filter(|field| self.names(field)).cloned().collect();
        Ok((fields, overridden))
    }

    fn check_work(&self, document: &Value) -> Result<()> {
        // Below this many even the largest document is within bounds.
        if self.0.len() > MOST_WORK / DOCUMENT_BYTES && self.0.len() * size(document) > MOST_WORK {
            return Err(Error::new(Code::TooLarge, "Too many operations for a document of this size."));
        }
        Ok(())
    }

    /// Whether an operation writes to the top-level field, or within it.
    fn names(&self, field: &str) -> bool {
        self.0
            .iter()
            .filter(|operation| !matches!(operation, PatchOperation::Test(_)))
            .any(|operation| operation.path().first().is_some_and(|token| token.decoded() == field))
    }
}

/// Keeps the nesting within bounds after every operation: values nested without end, made by copies into copies, would
/// overflow the stack.
fn check_depth(document: &Value, operation: &PatchOperation) -> Result<()> {
    let value = match operation {
        PatchOperation::Add(add) => Some(&add.value),
        PatchOperation::Replace(replace) => Some(&replace.value),
        PatchOperation::Move(from) => document.pointer(from.from.as_str()),
        PatchOperation::Copy(from) => document.pointer(from.from.as_str()),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
    };
    let holders = operation.path().as_str().matches('/').count();
    if value.is_some_and(|value| holders + depth(value) > JSON_DEPTH) {
        return Err(Error::new(Code::BadJson, format!("The document would be nested deeper than {JSON_DEPTH}.")));
    }
    Ok(())
}

fn apply_one(document: &mut Value, operation: &PatchOperation, index: usize) -> Result<()> {
    json_patch::patch(document, std::slice::from_ref(operation)).map_err(|error| {
        let why = match error.kind {
            PatchErrorKind::TestFailed => "the value is another one",
            PatchErrorKind::InvalidFromPointer => "there is nothing at \"from\"",
            PatchErrorKind::CannotMoveInsideItself => "a value can't be moved into itself",
            _ => "there is nothing at \"path\"",
        };
        Error::new(Code::PatchFailed, format!("Operation /{index} of the patch failed: {why}."))
    })
}

/// Bytes as JSON.
fn size(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX / MOST_OPERATIONS, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use basalt_core::Timestamp;
    use serde_json::json;

    fn apply_as(stored: Value, unreadable: &[&str], patch: Value) -> Result<(Value, BTreeSet<String>)> {
        let Value::Object(readable) = stored else { panic!("an object") };
        let unreadable = unreadable.iter().map(ToString::to_string).collect();
        let base = Base { readable, unreadable: &unreadable, now: Timestamp::from_millis(0), is_time: &|_| false };
        let (map, overridden) = JsonPatch::parse(patch)?.apply(base)?;
        Ok((Value::Object(map), overridden))
    }

    fn apply(stored: Value, patch: Value) -> Result<Value> {
        apply_as(stored, &[], patch).map(|(value, _)| value)
    }

    #[test]
    fn the_standards_operations_work() {
        let patched = apply(
            json!({"a": 1, "l": [1, 3], "m": {"x": 1}}),
            json!([
                {"op": "test", "path": "/a", "value": 1},
                {"op": "add", "path": "/l/1", "value": 2},
                {"op": "add", "path": "/l/-", "value": 4},
                {"op": "replace", "path": "/m/x", "value": {"y": 1}},
                {"op": "copy", "from": "/m/x", "path": "/c"},
                {"op": "move", "from": "/a", "path": "/b"},
                {"op": "remove", "path": "/l/0"},
            ]),
        );
        assert_eq!(patched.unwrap(), json!({"b": 1, "c": {"y": 1}, "l": [2, 3, 4], "m": {"x": {"y": 1}}}));
    }

    #[test]
    fn what_does_not_fit_the_document_is_a_conflict() {
        for patch in [
            json!([{"op": "test", "path": "/a", "value": 2}]),
            json!([{"op": "test", "path": "/b", "value": null}]),
            json!([{"op": "remove", "path": "/b"}]),
            json!([{"op": "replace", "path": "/b", "value": 1}]),
            json!([{"op": "add", "path": "/b/c", "value": 1}]),
            json!([{"op": "move", "from": "/b", "path": "/c"}]),
            json!([{"op": "move", "from": "/m", "path": "/m/n"}]),
            json!([{"op": "add", "path": "/l/9", "value": 1}]),
            json!([{"op": "add", "path": "/l/01", "value": 1}]),
            json!([{"op": "remove", "path": ""}]),
            json!([{"op": "remove", "path": "/l/-"}]),
        ] {
            let error = apply(json!({"a": 1, "m": {}, "l": []}), patch.clone()).unwrap_err();
            assert_eq!(error.code(), Code::PatchFailed, "{patch}");
        }
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        for patch in [
            json!({}),
            json!([1]),
            json!([{"op": "inc", "path": "/a"}]),
            json!([{"op": "add", "path": "/a"}]),
            json!([{"op": "add", "path": "a", "value": 1}]),
            json!([{"op": "copy", "path": "/a"}]),
            json!([{"op": "add", "path": "", "value": 1}]),
            Value::Array(vec![json!({"op": "remove", "path": "/a"}); MOST_OPERATIONS + 1]),
        ] {
            assert_eq!(apply(json!({"a": 1}), patch.clone()).unwrap_err().code(), Code::BadPatch, "{patch}");
        }
    }

    #[test]
    fn copies_cannot_grow_without_bound() {
        let double: Vec<Value> = (0..60).map(|n| json!({"op": "copy", "from": "", "path": format!("/a{n}")})).collect();
        assert_eq!(apply(json!({"a": "x"}), Value::Array(double)).unwrap_err().code(), Code::TooLarge);
    }

    #[test]
    fn copies_cannot_nest_without_bound() {
        let mut patch = vec![json!({"op": "add", "path": "/a", "value": {}})];
        for levels in (0..12).map(|n| 1 << n) {
            patch.push(json!({"op": "copy", "from": "", "path": "/a".repeat(levels + 1)}));
        }
        assert_eq!(apply(json!({}), Value::Array(patch)).unwrap_err().code(), Code::BadJson);
    }

    #[test]
    fn many_operations_on_a_large_document_are_refused() {
        let patch = Value::Array(vec![json!({"op": "test", "path": "/a", "value": 1}); MOST_OPERATIONS]);
        let large = json!({"a": 1, "text": "x".repeat(DOCUMENT_BYTES - 100)});
        assert_eq!(apply(large, patch.clone()).unwrap_err().code(), Code::TooLarge);
        assert!(apply(json!({"a": 1}), patch).is_ok());
    }

    #[test]
    fn an_unreadable_field_counts_as_missing_and_is_named_by_its_writers_alone() {
        let stored = || json!({"id": "x", "a": 1});
        for patch in [
            json!([{"op": "test", "path": "/s", "value": 1}]),
            json!([{"op": "copy", "from": "/s", "path": "/a"}]),
            json!([{"op": "remove", "path": "/s"}]),
        ] {
            assert_eq!(apply_as(stored(), &["s"], patch.clone()).unwrap_err().code(), Code::PatchFailed, "{patch}");
        }
        let (_, overridden) = apply_as(stored(), &["s"], json!([{"op": "add", "path": "/s", "value": 1}])).unwrap();
        assert!(overridden.contains("s"));
        let (_, overridden) = apply_as(stored(), &["s"], json!([{"op": "replace", "path": "", "value": {}}])).unwrap();
        assert!(overridden.is_empty());
    }
}
