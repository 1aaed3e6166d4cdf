//! What a change of the catalog does to it and to the schema: pure, the statements are run by the engine.

use std::sync::Arc;

use basalt_core::{Code, CollectionName, Error, FieldPath, Result};
use serde_json::Value;

use super::stored::{Stored, StoredCollection, Task};
use super::{CatalogChange, Collection, Index, IndexKind, IndexSpec, IndexState, Keeps, KeyColumn};
use crate::sql::{Dialect, Statement};

/// Indexes of one collection: each costs every write.
const MAX_INDEXES: usize = 64;

/// The statements that carry out `changes`; `stored` becomes what they leave. They have to be run in one transaction
/// while the epoch is still the one that `stored` came with.
pub(crate) fn evolve(stored: &mut Stored, changes: Vec<CatalogChange>, dialect: Dialect) -> Result<Vec<Statement>> {
    let mut evolution = Evolution { stored, dialect, statements: Vec::new() };
    for change in changes {
        match change {
            CatalogChange::Put { name, definition, indexes } => evolution.put(name, definition, indexes)?,
            CatalogChange::Drop { name } => evolution.drop(&name)?,
        }
    }
    let Evolution { mut statements, .. } = evolution;
    statements.extend(move_epoch(stored, dialect));
    Ok(statements)
}

/// The statements that make `stored` the next epoch.
pub(crate) fn move_epoch(stored: &mut Stored, dialect: Dialect) -> [Statement; 2] {
    stored.epoch += 1;
    let set = |name: &str, value: u64| Statement {
        sql: dialect.sql("UPDATE meta SET value = $1 WHERE name = $2"),
        values: vec![value.to_string().into(), name.into()],
    };
    [set("epoch", stored.epoch), set("next_short_id", stored.next_short_id)]
}

/// `CREATE INDEX` for an index that orders (also of a unique one).
pub(crate) fn create_ordered(create: &str, collection: &Collection, index: &Index) -> String {
    let mut columns: Vec<String> = Vec::new();
    let mut last_descending = false;
    for field in &index.spec.fields {
        if let Some(column) = collection.column_of(&field.path, index.spec.kind.keeps()) {
            columns.push(format!("{}{}", column.column, if field.descending { " DESC" } else { "" }));
        }
        last_descending = field.descending;
    }
    columns.push(format!("id{}", if last_descending { " DESC" } else { "" }));
    format!("{create} {} ON c_{} ({})", index.name, collection.short_id, columns.join(", "))
}

/// The name of the index that backs a unique one.
pub(crate) fn backing_name(index: &Index) -> String {
    index.name.replacen('i', "u", 1)
}

/// `CREATE UNIQUE INDEX` over the documents that have all the fields.
pub(crate) fn create_unique(create: &str, name: &str, table: &str, columns: &[String], dialect: Dialect) -> String {
    let present = dialect.bytes_literal(&[basalt_core::key::BOOL]);
    let conditions: Vec<String> = columns.iter().map(|column| format!("{column} >= {present}")).collect();
    format!("{create} {name} ON {table} ({}) WHERE {}", columns.join(", "), conditions.join(" AND "))
}

struct Evolution<'a> {
    stored: &'a mut Stored,
    dialect: Dialect,
    statements: Vec<Statement>,
}

impl Evolution<'_> {
    fn put(&mut self, name: CollectionName, definition: Value, specs: Vec<IndexSpec>) -> Result<()> {
        check(&specs)?;
        match self.stored.collections.get(&name).cloned() {
            None => self.create(name, definition, specs),
            Some(current) => self.redefine(&current, definition, specs),
        }
    }

    fn create(&mut self, name: CollectionName, definition: Value, specs: Vec<IndexSpec>) -> Result<()> {
        let short_id = self.stored.next_short_id.to_string();
        self.stored.next_short_id += 1;
        let mut made = StoredCollection {
            collection: Arc::new(Collection {
                name: name.clone(),
                short_id,
                definition: Arc::new(definition),
                indexes: Vec::new(),
                key_columns: Vec::new(),
            }),
            next_number: 0,
        };
        let mut collection = (*made.collection).clone();
        for spec in distinct(specs) {
            add_index(&mut collection, &mut made.next_number, spec, Birth::Empty);
        }
        self.create_tables(&collection);
        self.save(name, StoredCollection { collection: Arc::new(collection), next_number: made.next_number })
    }

    fn create_tables(&mut self, collection: &Collection) {
        let dialect = self.dialect;
        let (text, bytes) = (dialect.text_type(), dialect.bytes_type());
        let keys: Vec<String> = collection.key_columns.iter().map(|key| format!(", {} {bytes}", key.column)).collect();
        self.run(format!(
            "CREATE TABLE c_{} ({}id {text} NOT NULL UNIQUE, rev {text} NOT NULL, created_at {text} NOT NULL, \
             updated_at {text} NOT NULL, data {} NOT NULL{}){}",
            collection.short_id,
            dialect.row_id_column(),
            dialect.json_type(),
            keys.concat(),
            dialect.table_suffix()
        ));
        for index in &collection.indexes {
            match index.spec.kind {
                IndexKind::Contains | IndexKind::Vector | IndexKind::Search => self.create_side_table(index),
                IndexKind::Ordered | IndexKind::Geo => self.run(create_ordered("CREATE INDEX", collection, index)),
                IndexKind::Unique => {
                    self.run(create_ordered("CREATE INDEX", collection, index));
                    let table = format!("c_{}", collection.short_id);
                    let columns = columns_of(collection, index);
                    let create = "CREATE UNIQUE INDEX";
                    self.run(create_unique(create, &backing_name(index), &table, &columns, dialect));
                }
            }
        }
    }

    fn create_side_table(&mut self, index: &Index) {
        let (name, kind) = (&index.name, index.spec.kind);
        if kind == IndexKind::Search {
            for sql in crate::search::create(name, index.spec.fields.len(), self.dialect) {
                self.run(sql);
            }
            return;
        }
        let (text, bytes) = (self.dialect.text_type(), self.dialect.bytes_type());
        if kind == IndexKind::Vector {
            // Read whole more often than by id.
            let suffix = self.dialect.table_suffix();
            self.run(format!("CREATE TABLE {name} (id {text} NOT NULL UNIQUE, k {bytes} NOT NULL){suffix}"));
            return;
        }
        let suffix = self.dialect.key_table_suffix();
        self.run(format!("CREATE TABLE {name} (k {bytes} NOT NULL, id {text} NOT NULL, PRIMARY KEY (k, id)){suffix}"));
    }

    fn redefine(&mut self, current: &StoredCollection, definition: Value, specs: Vec<IndexSpec>) -> Result<()> {
        let mut collection = (*current.collection).clone();
        let mut next_number = current.next_number;
        collection.definition = Arc::new(definition);
        let specs = distinct(specs);
        let table = format!("c_{}", collection.short_id);

        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut collection.indexes).into_iter().partition(|index| specs.contains(&index.spec));
        collection.indexes = kept;
        for index in &mut collection.indexes {
            // Asking again for what failed is asking to try again; what its failure left to be dropped is needed.
            if matches!(index.state, IndexState::Failed(_)) {
                index.state = IndexState::Building;
                self.statements.push(Task::undo_drop_index(&index.name, self.dialect));
            }
        }
        for index in &gone {
            self.discard_index(index);
        }
        let before = collection.key_columns.len();
        for spec in specs {
            if collection.indexes.iter().all(|index| index.spec != spec) {
                let index = add_index(&mut collection, &mut next_number, spec, Birth::Filled);
                if index.spec.kind.has_side_table() {
                    self.create_side_table(&index);
                }
            }
        }
        for column in &collection.key_columns[before..] {
            let bytes = self.dialect.bytes_type();
            self.run(format!("ALTER TABLE {table} ADD COLUMN {} {bytes}", column.column));
        }
        let needed = needed_columns(&collection);
        let (kept, unused): (Vec<_>, Vec<_>) = std::mem::take(&mut collection.key_columns)
            .into_iter()
            .partition(|column| needed.contains(&(column.path.clone(), column.keeps)));
        collection.key_columns = kept;
        for column in unused {
            self.chore(&Task::DropColumn { table: table.clone(), column: column.column });
        }
        let name = collection.name.clone();
        self.save(name, StoredCollection { collection: Arc::new(collection), next_number })
    }

    fn drop(&mut self, name: &CollectionName) -> Result<()> {
        let Some(gone) = self.stored.collections.remove(name) else {
            return Err(Error::collection_not_found(name.as_str()));
        };
        self.statements.push(Statement {
            sql: self.dialect.sql("DELETE FROM collections WHERE name = $1"),
            values: vec![name.as_str().into()],
        });
        self.chore(&Task::DropTable(format!("c_{}", gone.collection.short_id)));
        for index in gone.collection.indexes.iter().filter(|index| index.spec.kind.has_side_table()) {
            self.chore(&Task::DropTable(index.name.clone()));
        }
        Ok(())
    }

    fn discard_index(&mut self, index: &Index) {
        match index.spec.kind {
            IndexKind::Contains | IndexKind::Vector | IndexKind::Search => {
                self.chore(&Task::DropTable(index.name.clone()));
            }
            IndexKind::Ordered | IndexKind::Geo => self.chore(&Task::DropIndex(index.name.clone())),
            IndexKind::Unique => {
                self.chore(&Task::DropIndex(backing_name(index)));
                self.chore(&Task::DropIndex(index.name.clone()));
            }
        }
    }

    fn save(&mut self, name: CollectionName, collection: StoredCollection) -> Result<()> {
        self.statements.push(collection.save(self.dialect)?);
        self.stored.collections.insert(name, collection);
        Ok(())
    }

    fn chore(&mut self, task: &Task) {
        self.statements.push(task.save(self.dialect));
    }

    fn run(&mut self, sql: String) {
        self.statements.push(Statement { sql, values: Vec::new() });
    }
}

/// Whether the collection has rows that an index has to be filled from.
#[derive(Clone, Copy)]
enum Birth {
    Empty,
    Filled,
}

/// Adds the index and the key columns it lacks.
fn add_index(collection: &mut Collection, next_number: &mut i64, spec: IndexSpec, birth: Birth) -> Index {
    let mut draw = || {
        *next_number += 1;
        *next_number - 1
    };
    let beside = spec.kind.has_side_table();
    let name = format!("{}_{}_{}", if beside { 's' } else { 'i' }, collection.short_id, draw());
    if !beside {
        let keeps = spec.kind.keeps();
        for field in &spec.fields {
            if collection.column_of(&field.path, keeps).is_none() {
                let column = format!("k_{}", draw());
                let ready = matches!(birth, Birth::Empty);
                collection.key_columns.push(KeyColumn { path: field.path.clone(), column, keeps, ready });
            }
        }
    }
    let state = match birth {
        Birth::Empty => IndexState::Ready,
        Birth::Filled => IndexState::Building,
    };
    let index = Index { name, spec, state };
    collection.indexes.push(index.clone());
    index
}

/// The names of an index's key columns, in its order.
pub(crate) fn columns_of(collection: &Collection, index: &Index) -> Vec<String> {
    let fields = index.spec.fields.iter();
    fields.filter_map(|field| collection.key_column(&field.path)).map(|column| column.column.clone()).collect()
}

fn needed_columns(collection: &Collection) -> Vec<(FieldPath, Keeps)> {
    let indexes = collection.indexes.iter().map(|index| &index.spec).filter(|spec| !spec.kind.has_side_table());
    let columns = |spec: &IndexSpec| -> Vec<(FieldPath, Keeps)> {
        spec.fields.iter().map(|field| (field.path.clone(), spec.kind.keeps())).collect()
    };
    indexes.flat_map(columns).collect()
}

fn distinct(specs: Vec<IndexSpec>) -> Vec<IndexSpec> {
    let mut out: Vec<IndexSpec> = Vec::with_capacity(specs.len());
    for spec in specs {
        if !out.contains(&spec) {
            out.push(spec);
        }
    }
    out
}

fn check(specs: &[IndexSpec]) -> Result<()> {
    let fault = |detail: &str| Err(Error::new(Code::InvalidDefinition, detail));
    if specs.len() > MAX_INDEXES {
        return fault(&format!("A collection has at most {MAX_INDEXES} indexes."));
    }
    for spec in specs {
        let fields = spec.fields.len();
        match spec.kind {
            IndexKind::Contains if fields != 1 => return fault("A contains index is on exactly one field."),
            IndexKind::Vector if fields != 1 => return fault("A vector is exactly one field."),
            IndexKind::Geo if fields != 1 || spec.fields[0].descending => {
                return fault("A geo index is on exactly one field, without a direction.");
            }
            IndexKind::Ordered | IndexKind::Unique | IndexKind::Search if !(1..=8).contains(&fields) => {
                return fault("An index is on 1 to 8 fields.");
            }
            IndexKind::Contains
            | IndexKind::Geo
            | IndexKind::Vector
            | IndexKind::Ordered
            | IndexKind::Unique
            | IndexKind::Search => {}
        }
        if spec.fields.iter().any(|field| field.path.names().is_empty()) {
            return fault("An index's field has a name.");
        }
    }
    Ok(())
}
