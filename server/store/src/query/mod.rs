//! Reading many documents: lists, counts and aggregates as one statement each.
//!
//! Pure: from the catalog and a query to a [`Statement`], and from its rows to the answer. Who calls runs the
//! statements of one query in one read transaction: [`list_statement`] → [`decode_list`], with [`List::count`] also
//! [`count_statement`] → [`decode_count`], and reads the log's end beside them.
//!
//! What is expected of the tables: `c_<short id>` has `id`, `rev`, `created_at`, `updated_at` (texts in code-point
//! order), `data` (JSON text on SQLite, `jsonb` on PostgreSQL, of the user's fields) and the key columns, of which a
//! ready one is never NULL. The side table of a `contains` index, `s_<short id>_<n> (k, id)`, has a row for each element of a list
//! and for each name of a map, which `'x' in doc.field` asks for as well. That of a search index is described in
//! `crate::search`.

mod aggregate;
mod branches;
mod by_distance;
mod condition;
mod constant;
mod count;
mod dialect;
mod explain;
mod having;
mod holders;
mod leaf;
mod list;
mod lookup;
mod members;
mod near;
mod nearest;
mod operand;
mod order;
mod print;
mod search;
#[cfg(test)]
mod tests;

use basalt_core::bucket::Bucket;
use basalt_core::filter::Filter;
use basalt_core::text::Query;
use basalt_core::{CollectionName, Document, DocumentId, Error, FieldPath, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::catalog::{Catalog, Collection};
use crate::decide::Read;
use crate::sql::{Dialect, Row, SqlValue, Statement};

pub use self::by_distance::{Near, has_point};
pub(crate) use self::dialect::prepare_sqlite;
pub use self::explain::{Access, Branch, Explanation, explain};
pub use self::nearest::{Nearest, NearestPage};
pub(crate) use self::nearest::{Scan, decode as decode_nearest, documents_statement, scan_statement};
pub use crate::catalog::SortField;

/// A page of documents where `filter` is true, in order. The id comes last in every order (ascending, or descending
/// where the last sort field is), so the order is total.
#[derive(Clone, Debug)]
pub struct List {
    pub collection: CollectionName,
    pub filter: Filter,
    pub search: Option<Search>,
    /// By [`basalt_core::key`]'s order of values; empty: by id, of a search by relevance (see [`Search`]).
    pub sort: Vec<SortField>,
    pub limit: u32,
    pub after: Option<Keyset>,
    /// Whether to count all that match, in the same read transaction.
    pub count: bool,
}

/// What is searched for, and where. What the query asks is true of each document found, in these fields alone.
///
/// Relevance is the sum, over words and fields, of the weights of the fields that hold the word; a whole word where its
/// beginning would do counts twice. A field weighs twice what the next one of the index does. Among equals the greatest
/// id, which is the newest, comes first.
#[derive(Clone, Debug)]
pub struct Search {
    pub query: Query,
    /// Of the collection's search index.
    pub fields: Vec<FieldPath>,
}

/// Where a page ended: serialised into cursors by the rooms above (which sign or hash it).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keyset {
    pub values: Vec<Value>,
    pub id: String,
}

#[derive(Clone, Debug)]
pub struct Page<D = Document> {
    pub documents: Vec<D>,
    /// `None` on the last page.
    pub next: Option<Keyset>,
    pub total: Option<u64>,
}

/// A page by distance.
#[derive(Clone, Debug)]
pub struct NearPage {
    pub page: Page,
    /// Of each document, in metres.
    pub metres: Vec<f64>,
}

#[derive(Clone, Debug)]
pub struct Count {
    pub collection: CollectionName,
    pub filter: Filter,
    pub search: Option<Search>,
}

/// Groups of documents where `filter` is true, with measures of each.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub collection: CollectionName,
    pub filter: Filter,
    /// Without any there is one group, also of nothing.
    pub group_by: Vec<GroupKey>,
    pub measures: Vec<Measure>,
    /// Which groups count: a condition on the group keys and measures by their names, as if they were a document's
    /// fields. It looks nothing up.
    pub having: Filter,
    /// By the names of group keys and measures; the group keys come last in every order.
    pub sort: Vec<(String, bool)>,
    pub limit: u32,
    /// How many groups to skip (groups have no keyset; pages of one answer are cut from the same order).
    pub offset: u64,
}

/// A field by whose values documents are grouped, or by the spans of time that its values fall into.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupKey {
    pub name: String,
    pub path: FieldPath,
    /// Of what is no stored time the key is null.
    pub bucket: Option<Bucket>,
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

/// The page's documents and one more, if there is one. An unknown collection is `collection_not_found`, a keyset that
/// doesn't fit the sort `bad_cursor`.
pub(crate) fn list_statement(catalog: &Catalog, list: &List, dialect: Dialect) -> Result<Statement> {
    list::statement(catalog, list, dialect)
}

/// The page, and where the next one begins.
pub(crate) fn decode_list(list: &List, rows: &[Row]) -> Result<(Vec<Document>, Option<Keyset>)> {
    list::decode(list, rows)
}

/// How far a page by distance reaches: to be read first.
pub(crate) fn reach_statement(catalog: &Catalog, near: &Near, dialect: Dialect) -> Result<Statement> {
    by_distance::reach_statement(catalog, near, dialect)
}

/// The page, given what [`reach_statement`] found in the same read transaction.
pub(crate) fn near_statement(catalog: &Catalog, near: &Near, reach: &[Row], dialect: Dialect) -> Result<Statement> {
    by_distance::statement(catalog, near, by_distance::decode_reach(near, reach)?, dialect)
}

pub(crate) fn decode_near(near: &Near, rows: &[Row]) -> Result<(Vec<Document>, Vec<f64>, Option<Keyset>)> {
    by_distance::decode(near, rows)
}

/// As [`decode_list`], with each document as its flat JSON text.
pub(crate) fn decode_list_texts(list: &List, rows: &[Row]) -> Result<(Vec<String>, Option<Keyset>)> {
    list::decode_texts(list, rows)
}

pub(crate) fn count_statement(
    catalog: &Catalog,
    collection: &CollectionName,
    filter: &Filter,
    search: Option<&Search>,
    dialect: Dialect,
) -> Result<Statement> {
    count::statement(catalog, collection, filter, search, dialect)
}

pub(crate) fn decode_count(rows: &[Row]) -> Result<u64> {
    count::decode(rows)
}

pub(crate) fn holders_statement(catalog: &Catalog, read: &Read, dialect: Dialect) -> Result<Statement> {
    holders::statement(catalog, read, dialect)
}

pub(crate) fn decode_holders(rows: &[Row]) -> Result<Vec<DocumentId>> {
    holders::decode(rows)
}

/// A name in the sort that is neither a group key nor a measure is `bad_request`.
pub(crate) fn aggregate_statement(catalog: &Catalog, aggregate: &Aggregate, dialect: Dialect) -> Result<Statement> {
    aggregate::statement(catalog, aggregate, dialect)
}

/// A sum of integers beyond `i64`, or one of floats that isn't finite, is `overflow`.
pub(crate) fn decode_aggregate(aggregate: &Aggregate, rows: &[Row]) -> Result<AggregatePage> {
    aggregate::decode(aggregate, rows)
}

/// A document from the columns `id, rev, created_at, updated_at, data` that begin a row.
pub(crate) fn decode_document(row: &[SqlValue]) -> Result<Document> {
    list::document(row)
}

impl List {
    pub(crate) fn by_relevance(&self) -> bool {
        self.search.is_some() && self.sort.is_empty()
    }
}

fn collection<'a>(catalog: &'a Catalog, name: &CollectionName) -> Result<&'a Collection> {
    catalog.collection(name).map(AsRef::as_ref).ok_or_else(|| Error::collection_not_found(name.as_str()))
}
