//! Statements on sets of rows of one collection's tables, as `basalt_commit` runs them: each takes the arrays of its
//! family and, last, the number by which it picks its rows.

use crate::known::{SideTable, Tables, UniqueIndex, on_conflict};
use crate::search::{PART_COLUMNS, SearchTable};
use crate::sql::Dialect;

pub(crate) struct SetStatements {
    /// Finds a document whose rev is another than expected.
    pub(crate) expect: String,
    pub(crate) delete: String,
    pub(crate) release: String,
    /// Of documents that were not there, as is expected.
    pub(crate) insert: String,
    /// Of documents that were there.
    pub(crate) update: String,
    /// By unique index: finds a key whose holder is another than expected.
    pub(crate) expect_holder: Vec<String>,
    /// By side table.
    pub(crate) remove_elements: Vec<String>,
    pub(crate) add_elements: Vec<String>,
    /// Of the search index; empty without one.
    pub(crate) remove_search: String,
    pub(crate) add_search: String,
}

impl SetStatements {
    pub(crate) fn new(tables: &Tables) -> Self {
        let table = &tables.documents;
        let columns: Vec<&str> = tables.collection.key_columns.iter().map(|key| key.column.as_str()).collect();
        Self {
            expect: format!(
                "SELECT e.id FROM unnest($1, $2, $3) AS e (t, id, rev) LEFT JOIN {table} d ON d.id = e.id \
                 WHERE e.t = $4 AND d.rev IS DISTINCT FROM e.rev LIMIT 1"
            ),
            delete: format!("DELETE FROM {table} d USING unnest($1, $2) AS e (t, id) WHERE e.t = $3 AND d.id = e.id"),
            release: release(table, &columns),
            insert: insert(table, &columns),
            update: update(table, &columns),
            expect_holder: tables.unique.iter().map(|index| expect_holder(table, index)).collect(),
            remove_elements: tables.sides.iter().map(remove_elements).collect(),
            add_elements: tables.sides.iter().map(add_elements).collect(),
            remove_search: tables.search.as_ref().map(remove_search).unwrap_or_default(),
            add_search: tables.search.as_ref().map(add_search).unwrap_or_default(),
        }
    }
}

fn release(table: &str, columns: &[&str]) -> String {
    let missing = Dialect::Postgres.bytes_literal(&[basalt_core::key::MISSING]);
    let set: Vec<String> = columns.iter().map(|column| format!("{column} = {missing}")).collect();
    let set = set.join(", ");
    format!("UPDATE {table} d SET {set} FROM unnest($1, $2) AS e (t, id) WHERE e.t = $3 AND d.id = e.id")
}

/// The rows of the family of documents to put, of which only those are picked whose statement this is.
const PUTS: &str =
    "unnest($1, $2, $3, $4, $5, $6, $7) AS e (t, id, rev, created_at, updated_at, data, at) WHERE e.t = $9";

fn insert(table: &str, columns: &[&str]) -> String {
    let names = columns.iter().map(|column| format!(", {column}")).collect::<Vec<_>>().concat();
    let keys = (0..columns.len()).map(|n| format!(", ($8)[e.at + {n}]")).collect::<Vec<_>>().concat();
    format!(
        "INSERT INTO {table} (id, rev, created_at, updated_at, data{names}) SELECT e.id, e.rev, e.created_at, \
         e.updated_at, e.data::jsonb{keys} FROM {PUTS}"
    )
}

fn update(table: &str, columns: &[&str]) -> String {
    let set =
        columns.iter().enumerate().map(|(n, column)| format!(", {column} = ($8)[e.at + {n}]")).collect::<Vec<_>>();
    format!(
        "UPDATE {table} d SET rev = e.rev, created_at = e.created_at, updated_at = e.updated_at, \
         data = e.data::jsonb{} FROM {PUTS} AND d.id = e.id",
        set.concat()
    )
}

fn expect_holder(table: &str, index: &UniqueIndex) -> String {
    let equal: Vec<String> =
        index.columns.iter().enumerate().map(|(n, column)| format!("d.{column} = ($4)[e.at + {n}]")).collect();
    format!(
        "SELECT '{}' FROM unnest($1, $2, $3) AS e (x, at, holder) LEFT JOIN {table} d ON {} WHERE e.x = $5 AND \
         d.id IS DISTINCT FROM e.holder LIMIT 1",
        index.name,
        equal.join(" AND ")
    )
}

fn remove_elements(side: &SideTable) -> String {
    let table = &side.table;
    format!(
        "DELETE FROM {table} d USING unnest($1, $2, $3) AS e (t, k, id) WHERE e.t = $4 AND d.k = e.k AND d.id = e.id"
    )
}

fn add_elements(side: &SideTable) -> String {
    let table = &side.table;
    format!(
        "INSERT INTO {table} (k, id) SELECT e.k, e.id FROM unnest($1, $2, $3) AS e (t, k, id) WHERE e.t = $4 {}",
        on_conflict(side.kind)
    )
}

/// A document's parts, all of them.
fn remove_search(search: &SearchTable) -> String {
    let table = &search.table;
    format!("DELETE FROM {table} d USING unnest($1, $2, $3) AS e (t, k, id) WHERE e.t = $4 AND d.id = e.id")
}

fn add_search(search: &SearchTable) -> String {
    let table = &search.table;
    format!(
        "INSERT INTO {table} (id, field, part, tokens) SELECT e.id, {PART_COLUMNS} FROM \
         (SELECT t, k, id FROM unnest($1, $2, $3) AS u (t, k, id)) AS e WHERE e.t = $4"
    )
}
