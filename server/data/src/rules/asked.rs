//! What the tests of rules ask.

use serde_json::Value;

use super::Operation;

pub(super) fn get(doc: &Value) -> Operation<'_> {
    Operation::Get { doc: doc.into() }
}

pub(super) fn create(next: &Value) -> Operation<'_> {
    Operation::Create { next: next.into() }
}

pub(super) fn update<'a>(doc: &'a Value, next: &'a Value) -> Operation<'a> {
    Operation::Update { doc: doc.into(), next: next.into() }
}

pub(super) fn delete(doc: &Value) -> Operation<'_> {
    Operation::Delete { doc: doc.into() }
}
