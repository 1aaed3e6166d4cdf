//! What the use cases give back: only what the caller may read.

use basalt_core::{DocumentId, Rev, Seq};
use serde_json::{Map, Value};

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
    pub body: Option<Map<String, Value>>,
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
