//! The write path's contract: a [`Decide`] sees a consistent [`View`], asks for more of it or says what to write.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use basalt_core::change::Body;
use basalt_core::{Actor, CollectionName, Document, DocumentId, Error, FastMap, FieldPath, Seq, Timestamp};
use serde_json::Value;

/// A decision on the state of the store, without I/O.
///
/// `step` is called with a view that holds what was asked for so far; it is called anew, from the start, whenever the
/// state changed under it. So it has to depend on its own input and the view alone (draw ids, revisions and times
/// before), and on every call has to come to the same answer for the same view. At most 4 rounds of `Need`.
pub trait Decide: Send + 'static {
    type Out: Send + 'static;

    /// The catalog epoch that the definitions behind this decision belong to; `None` where it uses none. A commit
    /// under another epoch is not made: [`crate::Store::commit`] fails with [`basalt_core::Code::Unavailable`] and
    /// `extensions["staleEpoch"]`, see [`is_stale_epoch`]; the caller looks the definitions up again and retries.
    fn epoch(&self) -> Option<u64>;

    fn step(&mut self, view: &View) -> Step<Self::Out>;
}

pub enum Step<Out> {
    Need(Vec<Read>),
    /// Empty writes are fine: nothing is logged then.
    Done(Writes, Out),
    Refuse(Error),
}

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    Document {
        collection: CollectionName,
        id: DocumentId,
    },
    /// A document whose id was drawn for it just now, by [`DocumentId::generate`]: known to be absent without a look, and
    /// held to that by its table's primary key.
    New {
        collection: CollectionName,
        id: DocumentId,
    },
    /// The document that holds `key` (the concatenated length-prefixed keys of the index's fields, see
    /// [`crate::catalog::unique_key`]) in the unique index `index`.
    Unique {
        collection: CollectionName,
        index: String,
        key: Vec<u8>,
    },
    Cell(CellKey),
    /// The documents of `collection` that hold `id` at `path`: [`HOLDERS_MAX`] of them where there are more. Exact also
    /// while others write: a batch that asks for it is the first of its group, on PostgreSQL under the lock.
    Holders {
        collection: CollectionName,
        path: FieldPath,
        held: HeldAs,
        id: DocumentId,
    },
}

/// One more than a transaction writes documents: of so many one at least is none of its own.
pub const HOLDERS_MAX: usize = basalt_core::limits::TRANSACTION_OPERATIONS + 1;

/// How an id is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeldAs {
    /// It is the value.
    Value,
    /// It is an element of a list.
    Element,
    Either,
}

/// A cell's place: the room's space and a key in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CellKey {
    pub space: &'static str,
    pub key: String,
}

impl CellKey {
    pub fn new(space: &'static str, key: impl Into<String>) -> Self {
        Self { space, key: key.into() }
    }
}

/// A small value with a life. An expired one reads as absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub value: Value,
    pub expires_at: Option<Timestamp>,
}

/// The state that a decision is made on. `None`: not read (ask by [`Step::Need`]); `Some(None)`: not there.
#[derive(Default)]
pub struct View {
    pub(crate) documents: FastMap<(CollectionName, DocumentId), Option<Arc<Document>>>,
    /// The row of a stored document, where the engine finds it by that without its id's index (SQLite).
    pub(crate) rows: FastMap<(CollectionName, DocumentId), i64>,
    pub(crate) unique: FastMap<(CollectionName, String, Vec<u8>), Option<DocumentId>>,
    pub(crate) cells: FastMap<CellKey, Option<Cell>>,
    /// By the whole question.
    pub(crate) holders: FastMap<Read, Vec<DocumentId>>,
}

impl View {
    pub fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>> {
        self.documents.get(&(collection.clone(), id.clone())).map(Option::as_ref)
    }

    pub fn unique(&self, collection: &CollectionName, index: &str, key: &[u8]) -> Option<Option<&DocumentId>> {
        self.unique.get(&(collection.clone(), index.to_owned(), key.to_owned())).map(Option::as_ref)
    }

    pub fn cell(&self, key: &CellKey) -> Option<Option<&Cell>> {
        self.cells.get(key).map(Option::as_ref)
    }

    /// The answer to a [`Read::Holders`].
    pub fn holders(&self, read: &Read) -> Option<&[DocumentId]> {
        self.holders.get(read).map(Vec::as_slice)
    }

    /// Whether this was read.
    pub fn holds(&self, read: &Read) -> bool {
        match read {
            Read::Document { collection, id } | Read::New { collection, id } => self.document(collection, id).is_some(),
            Read::Unique { collection, index, key } => self.unique(collection, index, key).is_some(),
            Read::Cell(key) => self.cell(key).is_some(),
            Read::Holders { .. } => self.holders.contains_key(read),
        }
    }

    pub(crate) fn insert(&mut self, read: Read, found: Found) {
        match (read, found) {
            (Read::Document { collection, id } | Read::New { collection, id }, Found::Document(document)) => {
                self.documents.insert((collection, id), document.map(Arc::new));
            }
            (Read::Document { collection, id }, Found::Row(row, document)) => {
                let place = (collection, id);
                self.rows.insert(place.clone(), row);
                self.documents.insert(place, Some(Arc::new(document)));
            }
            (Read::Unique { collection, index, key }, Found::Holder(holder)) => {
                self.unique.insert((collection, index, key), holder);
            }
            (Read::Cell(key), Found::Cell(cell)) => {
                self.cells.insert(key, cell);
            }
            (read @ Read::Holders { .. }, Found::Holders(holders)) => {
                self.holders.insert(read, holders);
            }
            (
                Read::Document { .. } | Read::New { .. } | Read::Unique { .. } | Read::Cell(_) | Read::Holders { .. },
                _,
            ) => {
                debug_assert!(false, "what was found is of the kind that was asked for");
            }
        }
    }
}

/// The answer to a [`Read`], of its kind.
pub(crate) enum Found {
    Document(Option<Document>),
    /// A document and the row that it is in.
    Row(i64, Document),
    Holder(Option<DocumentId>),
    Cell(Option<Cell>),
    Holders(Vec<DocumentId>),
}

impl Read {
    /// Whether its answer holds only for who decides before all others of his group.
    pub(crate) fn is_of_the_first(&self) -> bool {
        matches!(self, Self::Holders { .. })
    }
}

impl Writes {
    /// Nothing to write.
    pub fn none(origin: Origin) -> Self {
        Self { documents: Vec::new(), cells: Vec::new(), jobs: Vec::new(), origin }
    }

    pub fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.cells.is_empty() && self.jobs.is_empty()
    }
}

/// What a decision writes, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Writes {
    pub documents: Vec<DocumentWrite>,
    pub cells: Vec<CellWrite>,
    pub jobs: Vec<NewJob>,
    pub origin: Origin,
}

/// Who wrote, for the log.
#[derive(Clone, Debug)]
pub struct Origin {
    pub actor: Actor,
    /// As [`basalt_core::change::join_request`] makes it.
    pub request_id: String,
    pub at: Timestamp,
}

/// A document's write; a later one of the same document supersedes an earlier one in state, and each is logged.
/// What was there before has to have been read (its place is in the view), also where that was nothing.
#[derive(Clone, Debug)]
pub enum DocumentWrite {
    Put { collection: CollectionName, document: Arc<Document>, previous: Option<Arc<Document>> },
    Delete { collection: CollectionName, previous: Arc<Document> },
}

#[derive(Clone, Debug)]
pub enum CellWrite {
    Put { key: CellKey, value: Value, expires_at: Option<Timestamp> },
    Delete { key: CellKey },
}

/// Work to do after the commit, at least once.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The lane that it is done in; `/` parts families of them.
    pub kind: Cow<'static, str>,
    /// Unique among the open jobs of the kind: a second one with it is dropped.
    pub key: Option<String>,
    /// Of the open jobs with the same one only the oldest is claimed.
    pub order_key: Option<String>,
    pub payload: Value,
    pub run_at: Timestamp,
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The place in the log of each document write, in their order.
    pub seqs: Vec<Seq>,
    /// The document of each as the log has it, flat; `None` after a delete, and of a system collection.
    pub documents: Vec<Option<Body>>,
}

impl Committed {
    /// `range` is where the batch's changes are among its group's, whose first has the place `first`.
    pub(crate) fn new(first: Seq, range: Range<usize>, documents: &[Option<Body>]) -> Self {
        let documents = documents.get(range.clone()).map(<[_]>::to_vec).unwrap_or_default();
        Self { seqs: range.map(|n| first + n as Seq).collect(), documents }
    }

    /// The last place in the log, if something was logged.
    pub fn seq(&self) -> Option<Seq> {
        self.seqs.last().copied()
    }
}

/// Whether the error says that the catalog has moved on and the decision is to be made anew.
pub fn is_stale_epoch(error: &Error) -> bool {
    error.extensions().contains_key("staleEpoch")
}
