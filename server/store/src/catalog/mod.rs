//! What collections there are: definitions and indexes under one epoch.

pub(crate) mod evolve;
pub(crate) mod stale;
pub(crate) mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{CollectionName, DocumentId, FieldPath};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// All collections as of one epoch. Every change of a definition, and every index that becomes ready, is a new epoch.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    pub epoch: u64,
    pub collections: BTreeMap<CollectionName, Arc<Collection>>,
}

#[derive(Clone, Debug)]
pub struct Collection {
    pub name: CollectionName,
    /// Of the tables: `c_<short id>` holds the documents, `s_<short id>_<n>` the elements of a `contains` index or the
    /// tokens of a `search` index.
    pub short_id: String,
    /// What the rooms above keep here (schema, rules, options); the store doesn't look inside.
    pub definition: Arc<Value>,
    pub indexes: Vec<Index>,
    /// The indexed fields, each with its column `k_<n>` in `c_<short id>`.
    pub key_columns: Vec<KeyColumn>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyColumn {
    pub path: FieldPath,
    pub column: String,
    pub keeps: Keeps,
    /// Whether every row has its key (rows written before the column was added get theirs in the background).
    pub ready: bool,
}

/// What a key column keeps of its field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keeps {
    /// The value's key ([`basalt_core::key`]).
    #[default]
    Value,
    /// The point's ([`basalt_core::geo::key`]).
    Point,
}

/// An index as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IndexSpec {
    pub kind: IndexKind,
    pub fields: Vec<SortField>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexKind {
    Ordered,
    /// Like `Ordered`; no two documents have equal keys in all fields. A document that lacks one of the fields (missing
    /// or null) conflicts with none.
    Unique,
    /// One field that holds a point: what is near another one is found, and nearest first.
    Geo,
    /// One field that holds a list of numbers: documents by how near it is to another.
    Vector,
    /// One field that holds a list: its scalar elements are found (of a map: its names, which `in` looks for, too).
    Contains,
    /// Full text of up to 8 fields, the first counting most.
    Search,
}

impl IndexKind {
    /// What the key columns of its fields keep.
    pub fn keeps(self) -> Keeps {
        match self {
            Self::Geo => Keeps::Point,
            Self::Ordered | Self::Unique | Self::Contains | Self::Vector | Self::Search => Keeps::Value,
        }
    }

    /// Whether it is a table beside the documents' one.
    pub(crate) fn has_side_table(self) -> bool {
        matches!(self, Self::Contains | Self::Vector | Self::Search)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SortField {
    pub path: FieldPath,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// `i_<short id>_<n>`, also its name in the database; for `Contains` and `Search` the side table's.
    pub name: String,
    pub spec: IndexSpec,
    pub state: IndexState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexState {
    /// Not usable yet; a unique one doesn't enforce yet.
    Building,
    Ready,
    /// A unique index over documents that conflict already: some of their ids.
    Failed(Vec<DocumentId>),
}

/// One change of the catalog.
#[derive(Clone, Debug)]
pub enum CatalogChange {
    /// Creates or redefines. Indexes that are new are built in the background, those that are gone are dropped.
    Put { name: CollectionName, definition: Value, indexes: Vec<IndexSpec> },
    /// Drops the collection and its documents (the log keeps what happened).
    Drop { name: CollectionName },
}

impl Catalog {
    pub fn collection(&self, name: &CollectionName) -> Option<&Arc<Collection>> {
        self.collections.get(name)
    }
}

impl Collection {
    /// The index that searches go by.
    pub fn search_index(&self) -> Option<&Index> {
        self.indexes.iter().find(|index| index.spec.kind == IndexKind::Search)
    }

    /// The unique indexes that enforce.
    pub fn unique_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| index.spec.kind == IndexKind::Unique && index.state == IndexState::Ready)
    }
}

/// The key of a flat document in a unique index; `None` where it lacks a field (missing or null) and so conflicts with
/// none. Each field's key follows its length as 4 bytes.
pub fn unique_key(spec: &IndexSpec, document: &serde_json::Map<String, Value>) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    for field in &spec.fields {
        let value = basalt_core::key::at(document, &field.path).filter(|value| !value.is_null())?;
        let part = basalt_core::key::of(Some(value));
        key.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        key.extend_from_slice(&part);
    }
    Some(key)
}
