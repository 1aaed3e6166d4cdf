//! A version as it is stored.

use basalt_core::change::{seq_from_text, seq_to_text};
use basalt_core::document::OWN_FIELDS;
use basalt_core::{Actor, Change, ChangeOp, Document, DocumentId, Error, Result, Rev, Seq, Timestamp};
use serde_json::{Map, Value, json};

/// The document: the short id of its collection, which no other one gets, and its own.
pub(super) const OF: &str = "of";
pub(super) const TABLE: &str = "table";
pub(super) const SEQ: &str = "seq";
pub(super) const AT: &str = "at";
const OP: &str = "op";
const ACTOR: &str = "actor";
const DOCUMENT: &str = "document";

/// What [`OF`] is for a document.
pub(super) fn of(table: &str, id: &DocumentId) -> String {
    format!("{table}/{id}")
}

/// Named by its place in the log, so there is one of each.
pub(super) fn id(seq: Seq) -> Result<DocumentId> {
    DocumentId::parse(&format!("v-{}", seq_to_text(seq))).map_err(Error::internal)
}

pub(super) fn store(change: &Change, table: &str, rev: Rev) -> Result<Document> {
    let data = Map::from_iter([
        (OF.to_owned(), of(table, &change.id).into()),
        (TABLE.to_owned(), table.into()),
        (SEQ.to_owned(), seq_to_text(change.seq).into()),
        (OP.to_owned(), json!(change.op)),
        (AT.to_owned(), change.at.to_string().into()),
        (ACTOR.to_owned(), json!(change.actor)),
        (DOCUMENT.to_owned(), json!(change.after)),
    ]);
    Ok(Document { id: id(change.seq)?, rev, created_at: change.at, updated_at: change.at, data })
}

/// A version as it was stored.
pub(super) struct Stored {
    pub seq: Seq,
    pub op: ChangeOp,
    pub at: Timestamp,
    pub actor: Actor,
    /// `None` where the document was deleted.
    pub document: Option<Document>,
}

pub(super) fn load(mut stored: Document) -> Result<Stored> {
    let odd = || Error::internal(format!("the version {} is not readable", stored.id));
    let mut take = |name: &str| stored.data.remove(name).ok_or_else(odd);
    let seq = take(SEQ)?.as_str().and_then(seq_from_text).ok_or_else(odd)?;
    let at = take(AT)?.as_str().and_then(Timestamp::parse).ok_or_else(odd)?;
    let op = serde_json::from_value(take(OP)?).map_err(Error::internal)?;
    let actor = serde_json::from_value(take(ACTOR)?).map_err(Error::internal)?;
    let document = match take(DOCUMENT)? {
        Value::Object(flat) => Some(from_flat(flat).ok_or_else(odd)?),
        _ => None,
    };
    Ok(Stored { seq, op, at, actor, document })
}

fn from_flat(mut flat: Map<String, Value>) -> Option<Document> {
    let [id, rev, created_at, updated_at] = OWN_FIELDS.map(|name| match flat.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    });
    Some(Document {
        id: DocumentId::parse(&id?).ok()?,
        rev: Rev::parse(&rev?).ok()?,
        created_at: Timestamp::parse(&created_at?)?,
        updated_at: Timestamp::parse(&updated_at?)?,
        data: flat,
    })
}
