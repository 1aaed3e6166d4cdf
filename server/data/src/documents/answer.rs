//! What the use cases give back: only what the caller may read.

use std::sync::Arc;

use basalt_core::change::Body;
use basalt_core::document::{CREATED_AT, ID, REV, UPDATED_AT};
use basalt_core::{Document, DocumentId, Rev, Seq};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A document as its caller may read it.
#[derive(Clone, Debug)]
pub enum Shown {
    Whole(Arc<Document>),
    /// All of it, as it was written: its flat text is there already.
    Written(Body),
    Part(Map<String, Value>),
}

impl Shown {
    /// Without a copy where nobody else holds the document any more.
    pub fn into_flat(self) -> Map<String, Value> {
        match self {
            Self::Whole(document) => Arc::unwrap_or_clone(document).into_flat(),
            Self::Written(body) => (*body).clone(),
            Self::Part(fields) => fields,
        }
    }

    /// The flat object's text, where it is there already.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Written(body) => Some(body.text()),
            Self::Whole(_) | Self::Part(_) => None,
        }
    }
}

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        self.clone().into_flat() == other.clone().into_flat()
    }
}

/// The flat object.
impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = match self {
            Self::Part(fields) => return fields.serialize(serializer),
            Self::Written(body) => return (**body).serialize(serializer),
            Self::Whole(document) => document,
        };
        let mut flat = serializer.serialize_map(Some(4 + document.data.len()))?;
        flat.serialize_entry(ID, document.id.as_str())?;
        flat.serialize_entry(REV, document.rev.as_str())?;
        flat.serialize_entry(CREATED_AT, &document.created_at)?;
        flat.serialize_entry(UPDATED_AT, &document.updated_at)?;
        for (name, value) in &document.data {
            flat.serialize_entry(name, value)?;
        }
        flat.end()
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    Created,
    Updated,
    Deleted,
}

/// The answer to one committed write.
#[derive(Clone, Debug)]
pub struct Written {
    pub kind: WriteKind,
    pub id: DocumentId,
    /// The new revision; `None` after a delete.
    pub rev: Option<Rev>,
    /// The document as the caller may read it, or `{id,rev}` where he may not; `None` after a delete.
    pub body: Option<Shown>,
    /// A place in the log at which the write is contained: its own, or a later one where the answer is a replay.
    pub seq: Option<Seq>,
    /// Whether this is the kept answer of an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// One document as the caller may read it.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub rev: Rev,
    pub body: Map<String, Value>,
}

/// A page of documents, each as the caller may read it.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub items: Vec<Map<String, Value>>,
    pub next_cursor: Option<String>,
    /// With [`super::CountMode::Exact`].
    pub total: Option<u64>,
}

/// A page of documents on its way out.
#[derive(Clone, Debug)]
pub enum ListedPage {
    Fields(Listed),
    /// All is shown of each document: nothing had to look inside.
    Texts(ListedTexts),
}

/// A page of documents, each as its JSON text.
#[derive(Clone, Debug)]
pub struct ListedTexts {
    pub items: Vec<String>,
    pub next_cursor: Option<String>,
    /// With [`super::CountMode::Exact`].
    pub total: Option<u64>,
}

/// A page of groups.
#[derive(Clone, Debug, Default)]
pub struct Aggregated {
    pub items: Vec<Map<String, Value>>,
    pub next_cursor: Option<String>,
}

/// The answer to a committed transaction.
#[derive(Clone, Debug)]
pub struct Transacted {
    /// One per operation, in order: `{"id","rev","document"}`; `rev` and `document` are null after a delete and for
    /// a check of what is missing; `document` is null where the caller may not read it.
    pub results: Vec<Value>,
    /// Where all of it is contained; `None` where nothing was written.
    pub seq: Option<Seq>,
    pub replayed: bool,
}
