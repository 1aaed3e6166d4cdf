//! What the log holds: one row for each document that a commit changed, in one total order.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::ids::{CollectionName, DocumentId};
use crate::time::Timestamp;
use crate::trace::Trace;

/// A place in the log. Grows with every change; gaps are allowed, reuse is not.
pub type Seq = u64;

/// The text of a [`Seq`] outside: 16 characters whose order is the order of the log; `0` is the beginning.
pub fn seq_to_text(seq: Seq) -> String {
    format!("{seq:016x}")
}

/// Reads what [`seq_to_text`] wrote, or `0`.
pub fn seq_from_text(text: &str) -> Option<Seq> {
    let digits = text == "0" || (text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    if digits { Seq::from_str_radix(text, 16).ok() } else { None }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeOp {
    Create,
    Update,
    Delete,
}

/// Who made a change, as the log names him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    #[serde(rename = "type")]
    pub kind: ActorKind,
    pub id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    Visitor,
    User,
    Service,
    Operator,
    System,
}

impl Actor {
    pub const SYSTEM: Self = Self { kind: ActorKind::System, id: None };
}

/// A JSON object of the log: its text, which is parsed only where somebody looks inside, and once for all who share it.
#[derive(Clone)]
pub struct Body(Arc<BodyInner>);

struct BodyInner {
    text: String,
    fields: OnceLock<Map<String, Value>>,
}

impl Body {
    /// What a database holds.
    pub fn parse(text: String) -> Result<Self> {
        let fields: Map<String, Value> = serde_json::from_str(&text).map_err(Error::internal)?;
        Ok(Self(Arc::new(BodyInner { text, fields: OnceLock::from(fields) })))
    }

    /// What this process has just written: the text of an object, by its word.
    pub fn written(text: String) -> Self {
        Self(Arc::new(BodyInner { text, fields: OnceLock::new() }))
    }

    pub fn text(&self) -> &str {
        &self.0.text
    }
}

impl Deref for Body {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        self.0.fields.get_or_init(|| serde_json::from_str(&self.0.text).unwrap_or_default())
    }
}

impl From<Map<String, Value>> for Body {
    fn from(fields: Map<String, Value>) -> Self {
        let text = Value::Object(fields.clone()).to_string();
        Self(Arc::new(BodyInner { text, fields: OnceLock::from(fields) }))
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

/// A request as one text of the log holds it: its id and, each after a tab, its trace and its depth.
pub fn join_request(id: &str, trace: Option<&Trace>, depth: u8) -> String {
    let mut text = id.to_owned();
    if trace.is_some() || depth > 0 {
        text.push('\t');
        text.extend(trace.map(ToString::to_string));
    }
    if depth > 0 {
        text.push('\t');
        text.push_str(&depth.to_string());
    }
    text
}

/// Reads what [`join_request`] wrote.
pub fn split_request(text: &str) -> (String, Option<Trace>, u8) {
    let mut parts = text.split('\t');
    let id = parts.next().unwrap_or_default().to_owned();
    let trace = parts.next().and_then(Trace::parse);
    (id, trace, parts.next().and_then(|depth| depth.parse().ok()).unwrap_or_default())
}

/// One change of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub seq: Seq,
    pub collection: CollectionName,
    pub id: DocumentId,
    pub op: ChangeOp,
    /// The document as it now is, flat (with `id`, `rev`, …); `None` after a delete and for system collections.
    pub after: Option<Body>,
    /// Update: the old values of the changed top-level fields (a field that was missing is absent here).
    /// Delete: the whole old document. `None` for a create and for system collections.
    pub before: Option<Body>,
    pub actor: Actor,
    pub request_id: String,
    /// The trace that the request was part of.
    pub trace: Option<Trace>,
    /// Functions that called each other, or heard of each other's writes, to come to it.
    pub depth: u8,
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_trace_and_its_depth() {
        let trace = Trace { id: [1; 16], span: [2; 8], sampled: true };
        for (trace, depth) in [(Some(trace), 0), (Some(trace), 3), (None, 0), (None, 8)] {
            assert_eq!(split_request(&join_request("r1", trace.as_ref(), depth)), ("r1".to_owned(), trace, depth));
        }
    }

    #[test]
    fn a_body_is_its_text_and_its_fields() {
        let text = r#"{"a":1,"b":[true]}"#;
        let parsed = Body::parse(text.to_owned()).unwrap();
        let written = Body::written(text.to_owned());
        assert_eq!(parsed, written);
        assert_eq!(written.get("a"), Some(&Value::from(1)));
        assert_eq!(Body::from((*written).clone()).text(), text);
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        assert!(Body::parse("[]".to_owned()).is_err());
    }
}
