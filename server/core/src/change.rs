//! What the log holds: one row for each document that a commit changed, in one total order.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{CollectionName, DocumentId};
use crate::time::Timestamp;

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

/// One change of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub seq: Seq,
    pub collection: CollectionName,
    pub id: DocumentId,
    pub op: ChangeOp,
    /// The document as it now is, flat (with `id`, `rev`, …); `None` after a delete and for system collections.
    pub after: Option<Map<String, Value>>,
    /// Update: the old values of the changed top-level fields (a field that was missing is absent here).
    /// Delete: the whole old document. `None` for a create and for system collections.
    pub before: Option<Map<String, Value>>,
    pub actor: Actor,
    pub request_id: String,
    pub at: Timestamp,
}
