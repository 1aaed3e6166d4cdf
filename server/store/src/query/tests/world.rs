//! Collections with documents, as tables on both engines.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{CollectionName, Document, DocumentId, FieldPath, Rev, Timestamp, geo, key};
use serde_json::{Map, Value};

use super::engines::{DIALECTS, Engines};
use crate::catalog::{Catalog, Collection, Index, IndexKind, IndexSpec, IndexState, Keeps, KeyColumn, SortField};
use crate::query::{self, Aggregate, AggregatePage, List};
use crate::sql::{Dialect, SqlValue, Statement};

pub(super) struct World {
    pub(super) catalog: Catalog,
    pub(super) documents: BTreeMap<CollectionName, Vec<Document>>,
}

impl World {
    pub(super) fn new() -> Self {
        Self { catalog: Catalog::default(), documents: BTreeMap::new() }
    }

    /// Each index with its key columns; `unready` fields have a column that isn't filled.
    pub(super) fn add(&mut self, name: &str, indexes: &[IndexSpec], unready: &[FieldPath], documents: Vec<Document>) {
        let name = CollectionName::parse(name).unwrap();
        let short_id = format!("w{}", self.catalog.collections.len());
        let mut collection = Collection {
            name: name.clone(),
            short_id: short_id.clone(),
            definition: Arc::new(Value::Null),
            indexes: Vec::new(),
            key_columns: Vec::new(),
        };
        for path in unready {
            let column = format!("k_{}", collection.key_columns.len());
            collection.key_columns.push(KeyColumn { path: path.clone(), column, keeps: Keeps::Value, ready: false });
        }
        for (number, spec) in indexes.iter().enumerate() {
            let prefix = if spec.kind == IndexKind::Contains { 's' } else { 'i' };
            let name = format!("{prefix}_{short_id}_{number}");
            collection.indexes.push(Index { name, spec: spec.clone(), state: IndexState::Ready });
            for field in spec.fields.iter().filter(|_| spec.kind != IndexKind::Contains) {
                let keeps = if spec.kind == IndexKind::Geo { Keeps::Point } else { Keeps::Value };
                let is_there = |column: &KeyColumn| column.path == field.path && column.keeps == keeps;
                if !collection.key_columns.iter().any(is_there) {
                    let column = format!("k_{}", collection.key_columns.len());
                    collection.key_columns.push(KeyColumn { path: field.path.clone(), column, keeps, ready: true });
                }
            }
        }
        self.catalog.collections.insert(name.clone(), Arc::new(collection));
        self.documents.insert(name, documents);
    }

    pub(super) fn create(&self, engines: &mut Engines) {
        for dialect in DIALECTS {
            for (name, collection) in &self.catalog.collections {
                create_tables(engines, dialect, collection);
                insert(engines, dialect, collection, &self.documents[name]);
            }
        }
    }

    pub(super) fn drop_tables(&self, engines: &mut Engines) {
        for dialect in DIALECTS {
            for collection in self.catalog.collections.values() {
                engines.execute(dialect, &format!("DROP TABLE c_{}", collection.short_id));
                for index in collection.indexes.iter().filter(|index| index.spec.kind == IndexKind::Contains) {
                    engines.execute(dialect, &format!("DROP TABLE {}", index.name));
                }
            }
        }
    }

    pub(super) fn insert(&mut self, engines: &mut Engines, name: &str, document: Document) {
        let name = CollectionName::parse(name).unwrap();
        for dialect in DIALECTS {
            insert(engines, dialect, &self.catalog.collections[&name], std::slice::from_ref(&document));
        }
        self.documents.get_mut(&name).unwrap().push(document);
    }

    pub(super) fn list(&self, engines: &mut Engines, dialect: Dialect, list: &List) -> query::Result<Listed> {
        let statement = query::list_statement(&self.catalog, list, dialect)?;
        let rows = engines.run(dialect, &statement);
        let (documents, next) = query::decode_list(list, &rows)?;
        Ok(Listed { documents, next })
    }

    pub(super) fn count(&self, engines: &mut Engines, dialect: Dialect, list: &List) -> u64 {
        let statement = query::count_statement(&self.catalog, &list.collection, &list.filter, None, dialect).unwrap();
        query::decode_count(&engines.run(dialect, &statement)).unwrap()
    }

    pub(super) fn aggregate(
        &self,
        engines: &mut Engines,
        dialect: Dialect,
        aggregate: &Aggregate,
    ) -> query::Result<AggregatePage> {
        let statement = query::aggregate_statement(&self.catalog, aggregate, dialect)?;
        let rows = engines.run(dialect, &statement);
        query::decode_aggregate(aggregate, &rows)
    }
}

pub(super) struct Listed {
    pub(super) documents: Vec<Document>,
    pub(super) next: Option<query::Keyset>,
}

pub(super) fn document(id: &str, at: i64, data: Value) -> Document {
    let Value::Object(data) = data else { panic!("an object") };
    Document {
        id: DocumentId::parse(id).unwrap(),
        rev: Rev::parse(&format!("r{at}")).unwrap(),
        created_at: Timestamp::from_millis(at),
        updated_at: Timestamp::from_millis(at * 2),
        data,
    }
}

pub(super) fn ordered(fields: &[(&str, bool)]) -> IndexSpec {
    IndexSpec { kind: IndexKind::Ordered, fields: sort(fields) }
}

pub(super) fn points(field: &str) -> IndexSpec {
    IndexSpec { kind: IndexKind::Geo, fields: sort(&[(field, false)]) }
}

pub(super) fn contains(field: &str) -> IndexSpec {
    IndexSpec { kind: IndexKind::Contains, fields: sort(&[(field, false)]) }
}

/// Fields, each with whether it descends.
pub(super) fn sort(fields: &[(&str, bool)]) -> Vec<SortField> {
    let field = |(name, descending): &(&str, bool)| SortField {
        path: FieldPath::parse(name).unwrap(),
        descending: *descending,
    };
    fields.iter().map(field).collect()
}

fn create_tables(engines: &mut Engines, dialect: Dialect, collection: &Collection) {
    let (text, bytes, json) = match dialect {
        Dialect::Sqlite => ("TEXT", "BLOB", "TEXT"),
        Dialect::Postgres => ("text COLLATE \"C\"", "bytea", "jsonb"),
    };
    let table = format!("c_{}", collection.short_id);
    let mut columns = vec![format!("id {text} NOT NULL UNIQUE"), format!("data {json} NOT NULL")];
    columns.extend(["rev", "created_at", "updated_at"].map(|column| format!("{column} {text} NOT NULL")));
    columns.extend(collection.key_columns.iter().map(|key| format!("{} {bytes}", key.column)));
    engines.execute(dialect, &format!("CREATE TABLE {table} ({}{})", dialect.row_id_column(), columns.join(", ")));
    for index in &collection.indexes {
        if index.spec.kind == IndexKind::Contains {
            let columns = format!("(k {bytes} NOT NULL, id {text} NOT NULL, PRIMARY KEY (k, id))");
            engines.execute(dialect, &format!("CREATE TABLE {} {columns}", index.name));
            continue;
        }
        let direction = |descending: bool| if descending { " DESC" } else { "" };
        let mut columns: Vec<String> = Vec::new();
        for field in &index.spec.fields {
            let keeps = if index.spec.kind == IndexKind::Geo { Keeps::Point } else { Keeps::Value };
            let key = collection.column_of(&field.path, keeps).unwrap();
            columns.push(format!("{}{}", key.column, direction(field.descending)));
        }
        columns.push(format!("id{}", direction(index.spec.fields.last().unwrap().descending)));
        engines.execute(dialect, &format!("CREATE INDEX {} ON {table} ({})", index.name, columns.join(", ")));
    }
}

fn insert(engines: &mut Engines, dialect: Dialect, collection: &Collection, documents: &[Document]) {
    let ready: Vec<&KeyColumn> = collection.key_columns.iter().filter(|column| column.ready).collect();
    let mut rows = Vec::new();
    for document in documents {
        let flat = document.to_flat();
        let mut row = vec![
            SqlValue::Text(document.id.to_string()),
            SqlValue::Text(document.rev.to_string()),
            SqlValue::Text(document.created_at.to_string()),
            SqlValue::Text(document.updated_at.to_string()),
            SqlValue::Text(serde_json::to_string(&document.data).unwrap()),
        ];
        row.extend(ready.iter().map(|column| {
            let value = key::at(&flat, &column.path);
            SqlValue::Bytes(match column.keeps {
                Keeps::Value => key::of(value),
                Keeps::Point => geo::key(value),
            })
        }));
        rows.push(row);
    }
    let mut columns = vec!["id", "rev", "created_at", "updated_at", "data"];
    columns.extend(ready.iter().map(|column| column.column.as_str()));
    insert_rows(engines, dialect, &format!("c_{} ({})", collection.short_id, columns.join(", ")), &rows);
    for index in collection.indexes.iter().filter(|index| index.spec.kind == IndexKind::Contains) {
        let elements = documents.iter().flat_map(|document| {
            let keys = contained_keys(key::at(&document.data, &index.spec.fields[0].path));
            keys.into_iter().map(|key| vec![SqlValue::Bytes(key), SqlValue::Text(document.id.to_string())])
        });
        let rows: Vec<Vec<SqlValue>> = elements.collect();
        insert_rows(engines, dialect, &format!("{} (k, id)", index.name), &rows);
    }
}

fn insert_rows(engines: &mut Engines, dialect: Dialect, table: &str, rows: &[Vec<SqlValue>]) {
    for chunk in rows.chunks(500) {
        let mut number = 0;
        let mut one = |row: &Vec<SqlValue>| {
            let placeholder = |column: usize| {
                number += 1;
                match (dialect, column) {
                    (Dialect::Sqlite, _) => format!("?{number}"),
                    (Dialect::Postgres, 4) => format!("CAST(${number} AS jsonb)"),
                    (Dialect::Postgres, _) => format!("${number}"),
                }
            };
            format!("({})", (0..row.len()).map(placeholder).collect::<Vec<_>>().join(", "))
        };
        let values: Vec<String> = chunk.iter().map(&mut one).collect();
        let sql = format!("INSERT INTO {table} VALUES {}", values.join(", "));
        engines.run(dialect, &Statement { sql, values: chunk.concat() });
    }
}

fn contained_keys(value: Option<&Value>) -> std::collections::BTreeSet<Vec<u8>> {
    match value {
        Some(Value::Array(items)) => {
            let scalars = items.iter().filter(|item| !item.is_array() && !item.is_object());
            scalars.map(|item| key::of(Some(item))).collect()
        }
        Some(Value::Object(map)) => map.keys().map(|name| key::of(Some(&Value::from(name.as_str())))).collect(),
        _ => std::collections::BTreeSet::new(),
    }
}

/// The flat documents of a collection by id.
pub(super) fn flat(documents: &[Document]) -> BTreeMap<String, Map<String, Value>> {
    documents.iter().map(|document| (document.id.to_string(), document.to_flat())).collect()
}
