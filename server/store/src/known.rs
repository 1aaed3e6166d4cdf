//! The catalog together with what the engine derives from it once per epoch: the names and statements of each
//! collection's tables.

use std::sync::{Arc, OnceLock};

use basalt_core::{CollectionName, Error, FastMap, FieldPath, Result};

use crate::catalog::{Catalog, Collection, IndexKind, IndexState, Keeps, KeyColumn};
use crate::postgres::SetStatements;
use crate::search::SearchTable;
use crate::sql::Dialect;

#[derive(Default)]
pub(crate) struct Known {
    pub(crate) catalog: Arc<Catalog>,
    tables: FastMap<CollectionName, Arc<Tables>>,
}

/// One collection's tables.
pub(crate) struct Tables {
    pub(crate) collection: Arc<Collection>,
    pub(crate) name: CollectionName,
    /// `c_<short id>`.
    pub(crate) documents: String,
    /// Whether a key column is still being filled: then every write of a row has to write all of them.
    pub(crate) filling: bool,
    pub(crate) unique: Vec<UniqueIndex>,
    pub(crate) sides: Vec<SideTable>,
    pub(crate) search: Option<SearchTable>,
    pub(crate) sql: TableStatements,
    /// Statements on sets of rows (PostgreSQL), made when first needed.
    sets: OnceLock<SetStatements>,
}

/// A unique index that enforces.
pub(crate) struct UniqueIndex {
    pub(crate) name: String,
    pub(crate) paths: Vec<FieldPath>,
    /// Names of its key columns, in its order.
    pub(crate) columns: Vec<String>,
    /// Finds the holder by the keys in order.
    pub(crate) find: String,
}

/// The side table of a `contains` or a vector index, whether built or being built.
pub(crate) struct SideTable {
    pub(crate) table: String,
    pub(crate) path: FieldPath,
    pub(crate) kind: IndexKind,
    pub(crate) ready: bool,
    pub(crate) insert: String,
    pub(crate) delete: String,
}

/// Statements on single rows.
pub(crate) struct TableStatements {
    pub(crate) find: String,
    /// Values: id, rev, created_at, updated_at, data, keys.
    pub(crate) insert: String,
    /// Values as of `insert`, then the row.
    pub(crate) update: String,
    /// Where no key changes. Values: id, rev, created_at, updated_at, data, row.
    pub(crate) update_body: String,
    pub(crate) delete: String,
    /// Sets all keys to *missing*, so that rows can swap their unique keys within a commit.
    pub(crate) release: String,
}

impl Known {
    pub(crate) fn new(catalog: Catalog, dialect: Dialect) -> Self {
        let tables =
            catalog.collections.values().map(|c| (c.name.clone(), Arc::new(Tables::new(c, dialect)))).collect();
        Self { catalog: Arc::new(catalog), tables }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.catalog.epoch
    }

    pub(crate) fn tables(&self, name: &CollectionName) -> Result<&Arc<Tables>> {
        self.tables.get(name).ok_or_else(|| Error::collection_not_found(name.as_str()))
    }
}

impl Tables {
    fn new(collection: &Arc<Collection>, dialect: Dialect) -> Self {
        let documents = format!("c_{}", collection.short_id);
        let columns: Vec<&str> = collection.key_columns.iter().map(|column| column.column.as_str()).collect();
        Self {
            collection: Arc::clone(collection),
            name: collection.name.clone(),
            sql: TableStatements::new(&documents, &columns, dialect),
            filling: collection.key_columns.iter().any(|column| !column.ready),
            unique: collection.unique_indexes().map(|index| unique(collection, index, &documents, dialect)).collect(),
            sides: side_tables(collection, dialect),
            search: collection.search_index().map(|index| SearchTable::new(index, &documents)),
            sets: OnceLock::new(),
            documents,
        }
    }

    pub(crate) fn unique_index(&self, name: &str) -> Result<&UniqueIndex> {
        let found = self.unique.iter().find(|index| index.name == name);
        found.ok_or_else(|| Error::internal(format!("{} has no unique index {name}", self.name)))
    }

    pub(crate) fn sets(&self) -> &SetStatements {
        self.sets.get_or_init(|| SetStatements::new(self))
    }
}

impl Collection {
    /// The column that holds the keys of a path.
    pub fn key_column(&self, path: &FieldPath) -> Option<&KeyColumn> {
        self.column_of(path, Keeps::Value)
    }

    /// The column that holds this of a path.
    pub(crate) fn column_of(&self, path: &FieldPath, keeps: Keeps) -> Option<&KeyColumn> {
        self.key_columns.iter().find(|column| column.path == *path && column.keeps == keeps)
    }
}

fn unique(collection: &Collection, index: &crate::Index, documents: &str, dialect: Dialect) -> UniqueIndex {
    let paths: Vec<FieldPath> = index.spec.fields.iter().map(|field| field.path.clone()).collect();
    let columns: Vec<String> =
        paths.iter().filter_map(|path| collection.key_column(path)).map(|column| column.column.clone()).collect();
    let equal: Vec<String> = columns.iter().enumerate().map(|(n, column)| format!("{column} = ${}", n + 1)).collect();
    let find = dialect.sql(&format!("SELECT id FROM {documents} WHERE {} LIMIT 1", equal.join(" AND ")));
    UniqueIndex { name: index.name.clone(), paths, columns, find }
}

fn side_tables(collection: &Collection, dialect: Dialect) -> Vec<SideTable> {
    let of_index = |index: &crate::Index| {
        let field = index.spec.fields.first()?;
        let (table, kind) = (index.name.clone(), index.spec.kind);
        Some(SideTable {
            path: field.path.clone(),
            kind,
            ready: index.state == IndexState::Ready,
            insert: dialect.sql(&format!("INSERT INTO {table} (k, id) VALUES ($1, $2) {}", on_conflict(kind))),
            delete: dialect.sql(&format!("DELETE FROM {table} WHERE k = $1 AND id = $2")),
            table,
        })
    };
    let by_key = |index: &&crate::Index| matches!(index.spec.kind, IndexKind::Contains | IndexKind::Vector);
    collection.indexes.iter().filter(by_key).filter_map(of_index).collect()
}

/// What to do with a row of a side table that is there already: a document has many elements, and one vector.
pub(crate) fn on_conflict(kind: IndexKind) -> &'static str {
    match kind {
        IndexKind::Vector => "ON CONFLICT (id) DO UPDATE SET k = excluded.k",
        IndexKind::Contains | IndexKind::Ordered | IndexKind::Unique | IndexKind::Geo | IndexKind::Search => {
            "ON CONFLICT (k, id) DO NOTHING"
        }
    }
}

impl TableStatements {
    fn new(table: &str, keys: &[&str], dialect: Dialect) -> Self {
        let all: Vec<&str> =
            ["id", "rev", "created_at", "updated_at", "data"].into_iter().chain(keys.iter().copied()).collect();
        let values: Vec<String> = (1..=all.len()).map(|n| format!("${n}")).collect();
        let set = |columns: &[&str]| -> String {
            let set: Vec<String> =
                columns.iter().enumerate().skip(1).map(|(n, column)| format!("{column} = ${}", n + 1)).collect();
            set.join(", ")
        };
        // The id is asked for beside the row, lest a wrong one is ever written over.
        let update = |columns: &[&str]| {
            let (set, row) = (set(columns), columns.len() + 1);
            dialect.sql(&format!("UPDATE {table} SET {set} WHERE row_id = ${row} AND id = $1"))
        };
        let missing = dialect.bytes_literal(&[basalt_core::key::MISSING]);
        let released: Vec<String> = keys.iter().map(|column| format!("{column} = {missing}")).collect();
        let (names, values) = (all.join(", "), values.join(", "));
        Self {
            find: dialect.sql(&format!("SELECT rev, created_at, updated_at, data, row_id FROM {table} WHERE id = $1")),
            insert: dialect.sql(&format!("INSERT INTO {table} ({names}) VALUES ({values})")),
            update: update(&all),
            update_body: update(&all[..5]),
            delete: dialect.sql(&format!("DELETE FROM {table} WHERE id = $1")),
            release: dialect.sql(&format!("UPDATE {table} SET {} WHERE id = $1", released.join(", "))),
        }
    }
}
