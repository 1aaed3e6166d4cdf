//! The catalog as the database keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{CollectionName, DocumentId, Error, FieldPath, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Catalog, Collection, Index, IndexKind, IndexSpec, IndexState, Keeps, KeyColumn, SortField};
use crate::sql::{Dialect, Row, SqlValue, Statement};

pub(crate) const SELECT_META: &str = "SELECT name, value FROM meta";
pub(crate) const SELECT_COLLECTIONS: &str =
    "SELECT name, short_id, definition, indexes, key_columns, next_number FROM collections";
pub(crate) const SELECT_CHORES: &str = "SELECT id, kind, name, of_table, columns FROM chores ORDER BY id";

/// The catalog with the counters that names are drawn from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) epoch: u64,
    pub(crate) next_short_id: u64,
    pub(crate) collections: BTreeMap<CollectionName, StoredCollection>,
}

#[derive(Clone, Debug)]
pub(crate) struct StoredCollection {
    pub(crate) collection: Arc<Collection>,
    /// Of the next index or key column; never used twice.
    pub(crate) next_number: i64,
}

/// What is left to do in the schema once the epoch has moved; done in the background, in order, also after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chore {
    pub(crate) id: i64,
    pub(crate) task: Task,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    DropTable(String),
    DropIndex(String),
    DropColumn {
        table: String,
        column: String,
    },
    /// The unique index that backs what the committer checks.
    BackUnique {
        index: String,
        table: String,
        columns: Vec<String>,
    },
}

// Paths are kept as lists of names: the text form can't hold a name with a dot.
#[derive(Serialize, Deserialize)]
struct IndexRow {
    name: String,
    kind: IndexKind,
    fields: Vec<FieldRow>,
    state: IndexState,
}

#[derive(Serialize, Deserialize)]
struct FieldRow {
    path: Vec<String>,
    descending: bool,
}

#[derive(Serialize, Deserialize)]
struct ColumnRow {
    path: Vec<String>,
    column: String,
    #[serde(default)]
    keeps: Keeps,
    ready: bool,
}

impl Stored {
    pub(crate) fn load(meta: &[Row], collections: &[Row]) -> Result<Self> {
        let number = |name: &str| -> Result<u64> {
            let value = meta.iter().find(|row| matches!(&row[0], SqlValue::Text(text) if text == name));
            let value = value.and_then(|row| row[1].as_text()).and_then(|text| text.parse().ok());
            value.ok_or_else(|| Error::internal(format!("meta has no {name}")))
        };
        let collections = collections.iter().map(collection).collect::<Result<_>>()?;
        Ok(Self { epoch: number("epoch")?, next_short_id: number("next_short_id")?, collections })
    }

    pub(crate) fn catalog(&self) -> Catalog {
        let collections = self.collections.iter();
        let collections = collections.map(|(name, stored)| (name.clone(), Arc::clone(&stored.collection))).collect();
        Catalog { epoch: self.epoch, collections }
    }
}

fn collection(row: &Row) -> Result<(CollectionName, StoredCollection)> {
    let text = |n: usize| row.get(n).and_then(SqlValue::as_text).ok_or_else(|| Error::internal("a catalog row is odd"));
    let name = CollectionName::parse(text(0)?)?;
    let collection = Collection {
        name: name.clone(),
        short_id: text(1)?.to_owned(),
        definition: Arc::new(parse(text(2)?)?),
        indexes: parse::<Vec<IndexRow>>(text(3)?)?.into_iter().map(Into::into).collect(),
        key_columns: parse::<Vec<ColumnRow>>(text(4)?)?.into_iter().map(Into::into).collect(),
    };
    let next_number = row.get(5).and_then(SqlValue::as_int).unwrap_or_default();
    Ok((name, StoredCollection { collection: Arc::new(collection), next_number }))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::internal)
}

impl StoredCollection {
    pub(crate) fn save(&self, dialect: Dialect) -> Result<Statement> {
        let collection = &self.collection;
        let json = |value: Result<String, serde_json::Error>| value.map(SqlValue::Text).map_err(Error::internal);
        let indexes: Vec<IndexRow> = collection.indexes.iter().map(Into::into).collect();
        let columns: Vec<ColumnRow> = collection.key_columns.iter().map(Into::into).collect();
        let sql = "INSERT INTO collections (name, short_id, definition, indexes, key_columns, next_number) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET short_id = excluded.short_id, \
                   definition = excluded.definition, indexes = excluded.indexes, key_columns = excluded.key_columns, \
                   next_number = excluded.next_number";
        let values = vec![
            SqlValue::from(collection.name.as_str()),
            SqlValue::from(collection.short_id.as_str()),
            json(serde_json::to_string(&*collection.definition))?,
            json(serde_json::to_string(&indexes))?,
            json(serde_json::to_string(&columns))?,
            SqlValue::Int(self.next_number),
        ];
        Ok(Statement { sql: dialect.sql(sql), values })
    }
}

impl Chore {
    pub(crate) fn load(row: &Row) -> Result<Self> {
        let text = |n: usize| row.get(n).and_then(SqlValue::as_text).unwrap_or_default().to_owned();
        let task = match text(1).as_str() {
            "drop_table" => Task::DropTable(text(2)),
            "drop_index" => Task::DropIndex(text(2)),
            "drop_column" => Task::DropColumn { table: text(3), column: text(2) },
            "back_unique" => Task::BackUnique {
                index: text(2),
                table: text(3),
                columns: text(4).split(',').map(str::to_owned).collect(),
            },
            other => return Err(Error::internal(format!("unknown chore {other}"))),
        };
        Ok(Self { id: row.first().and_then(SqlValue::as_int).unwrap_or_default(), task })
    }
}

impl Task {
    pub(crate) fn save(&self, dialect: Dialect) -> Statement {
        let (kind, name, table, columns) = match self {
            Self::DropTable(name) => ("drop_table", name, "", String::new()),
            Self::DropIndex(name) => ("drop_index", name, "", String::new()),
            Self::DropColumn { table, column } => ("drop_column", column, table.as_str(), String::new()),
            Self::BackUnique { index, table, columns } => ("back_unique", index, table.as_str(), columns.join(",")),
        };
        Statement {
            sql: dialect.sql("INSERT INTO chores (kind, name, of_table, columns) VALUES ($1, $2, $3, $4)"),
            values: vec![kind.into(), name.as_str().into(), table.into(), columns.into()],
        }
    }
}

impl Task {
    /// Forgets a [`Task::DropIndex`] that is not done yet.
    pub(crate) fn undo_drop_index(name: &str, dialect: Dialect) -> Statement {
        let sql = "DELETE FROM chores WHERE kind = 'drop_index' AND name = $1";
        Statement { sql: dialect.sql(sql), values: vec![name.into()] }
    }

    /// The collection whose tables it is on: `2` of `c_2`, `i_2_0`.
    pub(crate) fn short_id(&self) -> &str {
        let name = match self {
            Self::DropTable(name) | Self::DropIndex(name) => name,
            Self::DropColumn { table, .. } | Self::BackUnique { table, .. } => table,
        };
        name.split('_').nth(1).unwrap_or_default()
    }
}

impl From<IndexRow> for Index {
    fn from(row: IndexRow) -> Self {
        let field = |row: FieldRow| SortField { path: FieldPath::from_names(row.path), descending: row.descending };
        let fields = row.fields.into_iter().map(field).collect();
        Self { name: row.name, spec: IndexSpec { kind: row.kind, fields }, state: row.state }
    }
}

impl From<&Index> for IndexRow {
    fn from(index: &Index) -> Self {
        let field = |field: &SortField| FieldRow { path: field.path.names().to_vec(), descending: field.descending };
        let fields = index.spec.fields.iter().map(field).collect();
        Self { name: index.name.clone(), kind: index.spec.kind, fields, state: index.state.clone() }
    }
}

impl From<ColumnRow> for KeyColumn {
    fn from(row: ColumnRow) -> Self {
        Self { path: FieldPath::from_names(row.path), column: row.column, keeps: row.keeps, ready: row.ready }
    }
}

impl From<&KeyColumn> for ColumnRow {
    fn from(column: &KeyColumn) -> Self {
        let path = column.path.names().to_vec();
        Self { path, column: column.column.clone(), keeps: column.keeps, ready: column.ready }
    }
}

/// Ids in the text of a failed index's state.
pub(crate) fn ids(rows: &[Row]) -> Vec<DocumentId> {
    rows.iter().filter_map(|row| row.first()?.as_text()).filter_map(|id| DocumentId::parse(id).ok()).collect()
}
