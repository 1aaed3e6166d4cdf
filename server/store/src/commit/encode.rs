//! Documents as the database keeps them: JSON is written once and spliced into what the log keeps.

use std::sync::Arc;

use basalt_core::change::Body;
use basalt_core::document::{CREATED_AT, ID, REV, UPDATED_AT};
use basalt_core::{ChangeOp, CollectionName, Document, DocumentId, Error, Result};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::decide::Origin;

/// A row of the log, but for its place.
pub(crate) struct ChangeRow {
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
    pub(crate) op: ChangeOp,
    pub(crate) after: Option<Body>,
    pub(crate) before: Option<Body>,
    pub(crate) origin: Arc<Origin>,
}

impl ChangeRow {
    /// What retention counts: the bodies and about what the rest of the row takes.
    pub(crate) fn bytes(&self) -> usize {
        let length = |body: &Option<Body>| body.as_ref().map_or(0, |body| body.text().len());
        160 + length(&self.after) + length(&self.before)
    }
}

pub(crate) fn op_number(op: ChangeOp) -> i64 {
    match op {
        ChangeOp::Create => 1,
        ChangeOp::Update => 2,
        ChangeOp::Delete => 3,
    }
}

pub(crate) fn op_from_number(number: i64) -> Result<ChangeOp> {
    match number {
        1 => Ok(ChangeOp::Create),
        2 => Ok(ChangeOp::Update),
        3 => Ok(ChangeOp::Delete),
        other => Err(Error::internal(format!("the log has an operation {other}"))),
    }
}

/// The user's fields as JSON text.
pub(crate) fn data(document: &Document) -> Result<String> {
    serde_json::to_string(&document.data).map_err(Error::internal)
}

/// The flat document as JSON text, given its user's fields as such.
pub(crate) fn flat(document: &Document, data: &str) -> String {
    let (created, updated) = (document.created_at.to_string(), document.updated_at.to_string());
    spliced([document.id.as_str(), document.rev.as_str(), &created, &updated], data)
}

/// The flat document as JSON text, of its id, revision and times and its user's fields as JSON text.
pub(crate) fn spliced(own: [&str; 4], data: &str) -> String {
    let mut text = String::with_capacity(data.len() + 160);
    text.push('{');
    // Ids, revisions and times hold nothing that JSON escapes.
    for (n, (name, value)) in [ID, REV, CREATED_AT, UPDATED_AT].iter().zip(own).enumerate() {
        text.push_str(if n == 0 { "\"" } else { ",\"" });
        text.push_str(name);
        text.push_str("\":\"");
        text.push_str(value);
        text.push('"');
    }
    if data.len() > 2 {
        text.push(',');
        text.push_str(&data[1..]);
    } else {
        text.push('}');
    }
    text
}

/// The old values of the top-level fields that differ, as JSON text.
pub(crate) fn changed(previous: &Document, next: &Document) -> Result<String> {
    serde_json::to_string(&Changed { previous, next }).map_err(Error::internal)
}

struct Changed<'a> {
    previous: &'a Document,
    next: &'a Document,
}

impl Serialize for Changed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self { previous, next } = self;
        let mut old = serializer.serialize_map(None)?;
        for (name, value) in previous.data.iter().filter(|(name, value)| next.data.get(*name) != Some(*value)) {
            old.serialize_entry(name, value)?;
        }
        if previous.rev != next.rev {
            old.serialize_entry(REV, previous.rev.as_str())?;
        }
        if previous.created_at != next.created_at {
            old.serialize_entry(CREATED_AT, &previous.created_at.to_string())?;
        }
        if previous.updated_at != next.updated_at {
            old.serialize_entry(UPDATED_AT, &previous.updated_at.to_string())?;
        }
        old.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basalt_core::{Rev, Timestamp};
    use serde_json::{Map, Value, json};

    fn document(data: Value) -> Document {
        let Value::Object(data) = data else { panic!("an object") };
        let now = Timestamp::from_millis(1_000);
        let (id, rev) = (DocumentId::parse("a").unwrap(), Rev::parse("r1").unwrap());
        Document { id, rev, created_at: now, updated_at: now, data }
    }

    #[test]
    fn the_spliced_text_is_the_flat_document() {
        for body in [json!({}), json!({"x": 1}), json!({"q": "\"\\é", "l": [1, {"z": null}]})] {
            let document = document(body);
            let text = flat(&document, &data(&document).unwrap());
            let parsed: Map<String, Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(parsed, document.to_flat());
        }
    }

    #[test]
    fn before_holds_old_values_of_changed_fields_only() {
        let previous = document(json!({"same": 1, "changed": 1, "gone": true}));
        let mut next = document(json!({"same": 1, "changed": 2, "new": 3}));
        next.rev = Rev::parse("r2").unwrap();
        let before: Value = serde_json::from_str(&changed(&previous, &next).unwrap()).unwrap();
        assert_eq!(before, json!({"changed": 1, "gone": true, "rev": "r1"}));
    }
}
