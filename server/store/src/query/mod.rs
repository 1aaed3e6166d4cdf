//! Reading many documents: lists, counts and aggregates as one statement each.

use basalt_core::filter::Filter;
use basalt_core::{CollectionName, Document, FieldPath, Seq};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use crate::catalog::SortField;

/// A page of documents where `filter` is true, in order. The id comes last in every order (ascending, or descending
/// where the last sort field is), so the order is total.
#[derive(Clone, Debug)]
pub struct List {
    pub collection: CollectionName,
    pub filter: Filter,
    /// By [`basalt_core::key`]'s order of values; empty: by id.
    pub sort: Vec<SortField>,
    pub limit: u32,
    pub after: Option<Keyset>,
    /// Whether to count all that match, in the same read transaction.
    pub count: bool,
}

/// Where a page ended: serialised into cursors by the rooms above (which sign or hash it).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keyset {
    pub values: Vec<Value>,
    pub id: String,
}

#[derive(Clone, Debug)]
pub struct Page {
    pub documents: Vec<Document>,
    /// `None` on the last page.
    pub next: Option<Keyset>,
    pub total: Option<u64>,
    /// The log's end in the same read transaction.
    pub seq: Seq,
}

#[derive(Clone, Debug)]
pub struct Count {
    pub collection: CollectionName,
    pub filter: Filter,
}

/// Groups of documents where `filter` is true, with measures of each.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub collection: CollectionName,
    pub filter: Filter,
    /// Group keys: a field's value under a name. Without any there is one group, also of nothing.
    pub group_by: Vec<(String, FieldPath)>,
    pub measures: Vec<Measure>,
    /// By the names of group keys and measures; the group keys come last in every order.
    pub sort: Vec<(String, bool)>,
    pub limit: u32,
    /// How many groups to skip (groups have no keyset; pages of one answer are cut from the same order).
    pub offset: u64,
}

#[derive(Clone, Debug)]
pub struct Measure {
    pub name: String,
    pub op: MeasureOp,
    /// Of `Count` without a path: the documents; with one: those in which the field is there and not null.
    pub path: Option<FieldPath>,
}

/// `Sum` and `Avg` see numbers only; `Min` and `Max` numbers or texts by the order of values, ignoring other types;
/// of nothing they are null (`Sum` 0). Sums of integers are exact, or [`basalt_core::Code::Overflow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureOp {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    CountDistinct,
}

#[derive(Clone, Debug)]
pub struct AggregatePage {
    /// Group keys (missing: null) and measures by their names.
    pub items: Vec<Map<String, Value>>,
    pub more: bool,
}
