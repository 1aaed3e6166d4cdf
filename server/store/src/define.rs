//! Changes of the catalog, and what they leave to the background: filling key columns and side tables, making indexes,
//! dropping what is gone. Every step can be taken again after a crash.

use std::sync::{Arc, Weak};
use std::time::Duration;

use basalt_core::{Document, Error, Result};

use crate::catalog::evolve::{backing_name, columns_of, create_ordered, create_unique, evolve, move_epoch};
use crate::catalog::stale::stale_epoch;
use crate::catalog::stored::{Chore, SELECT_CHORES, SELECT_COLLECTIONS, SELECT_META, Stored, Task, ids};
use crate::catalog::{Catalog, CatalogChange, Collection, Index, IndexKind, IndexState};
use crate::driver::{Alteration, Altered, Driver};
use crate::keys;
use crate::known::on_conflict;
use crate::query::decode_document;
use crate::sql::{Dialect, SqlValue, Statement};
use crate::store::Inner;

/// Documents whose keys are written at once.
const BATCH: usize = 500;
/// Rows of one multi-row statement into a side table.
const SIDE_ROWS: usize = 2_000;
/// Conflicting documents that a failed unique index names.
const NAMED_CONFLICTS: u32 = 10;

pub(crate) async fn define(inner: &Inner, expected: u64, changes: Vec<CatalogChange>) -> Result<Arc<Catalog>> {
    let mut stored = load(&inner.driver).await?;
    if stored.epoch != expected {
        return Err(stale_epoch(stored.epoch));
    }
    let statements = evolve(&mut stored, changes, inner.driver.dialect())?;
    match inner.driver.alter(Alteration { expected, checks: Vec::new(), statements }).await? {
        Altered::Done => {
            inner.build.notify_one();
            Ok(Arc::clone(&inner.shared.known().catalog))
        }
        Altered::Stale => Err(stale_epoch(inner.shared.known().epoch())),
        Altered::Refused(_) => Err(Error::internal("a definition was checked for rows")),
    }
}

pub(crate) async fn indexes_built(inner: &Inner) -> Result<()> {
    loop {
        let building = unfinished(&inner.shared.known().catalog).is_some();
        if !building && inner.driver.read_one(SELECT_CHORES, Vec::new()).await?.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Builds what is unfinished whenever it is woken.
pub(crate) async fn build_indexes(inner: Weak<Inner>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let pause = match build_all(&inner).await {
            // Bounded, so that what another node left unfinished is found.
            Ok(Built::All) => Duration::from_secs(30),
            Ok(Built::ByAnother) => Duration::from_secs(1),
            Err(error) => {
                tracing::warn!(?error, "building indexes stopped; it goes on in a moment");
                Duration::from_secs(1)
            }
        };
        drop(tokio::time::timeout(pause, inner.build.notified()).await);
    }
}

enum Built {
    All,
    /// Another node is at it.
    ByAnother,
}

async fn build_all(inner: &Inner) -> Result<Built> {
    let Some(_turn) = inner.driver.builder_turn().await? else { return Ok(Built::ByAnother) };
    while let Some(collection) = unfinished(&load(&inner.driver).await?.catalog()) {
        fill(&inner.driver, &collection).await?;
        create_indexes(&inner.driver, &collection).await?;
        finish(inner, &collection).await?;
    }
    chores(&inner.driver).await?;
    Ok(Built::All)
}

fn unfinished(catalog: &Catalog) -> Option<Arc<Collection>> {
    let is_unfinished = |collection: &&Arc<Collection>| {
        collection.key_columns.iter().any(|column| !column.ready)
            || collection.indexes.iter().any(|index| index.state == IndexState::Building)
    };
    catalog.collections.values().find(is_unfinished).cloned()
}

fn building(collection: &Collection, kind: IndexKind) -> impl Iterator<Item = &Index> {
    collection.indexes.iter().filter(move |index| index.spec.kind == kind && index.state == IndexState::Building)
}

pub(crate) async fn load(driver: &Driver) -> Result<Stored> {
    let statement = |sql: &str| Statement { sql: sql.to_owned(), values: Vec::new() };
    let answers = driver.read(vec![statement(SELECT_META), statement(SELECT_COLLECTIONS)]).await?;
    match answers.as_slice() {
        [meta, collections] => Stored::load(meta, collections),
        _ => Err(Error::internal("two statements have two answers")),
    }
}

/// Writes the keys of documents that were there before their columns or side tables. A document that is written
/// meanwhile brings its own keys along, and is left alone here because its rev is another by then.
async fn fill(driver: &Driver, collection: &Collection) -> Result<()> {
    let columns: Vec<_> = collection.key_columns.iter().filter(|column| !column.ready).collect();
    let kinds = [IndexKind::Contains, IndexKind::Vector];
    let sides: Vec<&Index> = kinds.into_iter().flat_map(|kind| building(collection, kind)).collect();
    if columns.is_empty() && sides.is_empty() {
        return Ok(());
    }
    let table = format!("c_{}", collection.short_id);
    let unfilled: String = match (columns.first(), sides.is_empty()) {
        // All columns of a row are written at once: one of them tells.
        (Some(_), true) => {
            let nulls: Vec<String> = columns.iter().map(|column| format!("{} IS NULL", column.column)).collect();
            format!("AND ({})", nulls.join(" OR "))
        }
        _ => String::new(),
    };
    let select = format!(
        "SELECT id, rev, created_at, updated_at, data FROM {table} WHERE id > $1 {unfilled} ORDER BY id LIMIT {BATCH}"
    );
    let mut after = String::new();
    loop {
        let rows = driver.read_one(&select, vec![after.as_str().into()]).await?;
        let documents = rows.iter().map(|row| decode_document(row)).collect::<Result<Vec<_>>>()?;
        let Some(last) = documents.last() else { return Ok(()) };
        after = last.id.to_string();
        let mut statements = Vec::new();
        if !columns.is_empty() {
            statements.push(fill_columns(&table, &columns, &documents, driver.dialect()));
        }
        for side in &sides {
            statements.extend(fill_side(&table, side, &documents, driver.dialect()));
        }
        driver.write_alone(statements).await?;
        if documents.len() < BATCH {
            return Ok(());
        }
    }
}

fn fill_columns(
    table: &str,
    columns: &[&crate::catalog::KeyColumn],
    documents: &[Document],
    dialect: Dialect,
) -> Statement {
    let mut values = Vec::with_capacity(documents.len() * (columns.len() + 2));
    for document in documents {
        values.push(document.id.as_str().into());
        values.push(document.rev.as_str().into());
        values.extend(columns.iter().map(|column| SqlValue::Bytes(keys::of_column(document, column))));
    }
    let names: Vec<String> = columns.iter().map(|column| column.column.clone()).collect();
    let set: Vec<String> = names.iter().map(|name| format!("{name} = v.{name}")).collect();
    let sql = format!(
        "WITH v (id, rev, {}) AS (VALUES {}) UPDATE {table} SET {} FROM v WHERE {table}.id = v.id AND {table}.rev = v.rev",
        names.join(", "),
        tuples(documents.len(), columns.len() + 2),
        set.join(", ")
    );
    Statement { sql: dialect.sql(&sql), values }
}

fn fill_side(table: &str, index: &Index, documents: &[Document], dialect: Dialect) -> Vec<Statement> {
    let Some(field) = index.spec.fields.first() else { return Vec::new() };
    let mut rows: Vec<[SqlValue; 3]> = Vec::new();
    for document in documents {
        for key in keys::beside(document, &field.path, index.spec.kind) {
            rows.push([document.id.as_str().into(), document.rev.as_str().into(), SqlValue::Bytes(key)]);
        }
    }
    let (side, conflict) = (&index.name, on_conflict(index.spec.kind));
    let insert = |rows: &[[SqlValue; 3]]| {
        let sql = format!(
            "WITH v (id, rev, k) AS (VALUES {}) INSERT INTO {side} (k, id) SELECT v.k, v.id FROM v JOIN {table} d \
             ON d.id = v.id AND d.rev = v.rev WHERE 1 = 1 {conflict}",
            tuples(rows.len(), 3)
        );
        Statement { sql: dialect.sql(&sql), values: rows.iter().flatten().cloned().collect() }
    };
    rows.chunks(SIDE_ROWS).map(insert).collect()
}

/// `($1, $2), ($3, $4)` …
fn tuples(rows: usize, columns: usize) -> String {
    let tuple = |row: usize| {
        let values: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", values.join(", "))
    };
    (0..rows).map(tuple).collect::<Vec<_>>().join(", ")
}

async fn create_indexes(driver: &Driver, collection: &Collection) -> Result<()> {
    let dialect = driver.dialect();
    let kinds = [IndexKind::Ordered, IndexKind::Unique, IndexKind::Geo];
    for index in kinds.into_iter().flat_map(|kind| building(collection, kind)) {
        make(driver, &index.name, create_ordered(dialect.create_index(false), collection, index)).await?;
    }
    Ok(())
}

async fn make(driver: &Driver, name: &str, create: String) -> Result<()> {
    if let Some(clear) = driver.dialect().drop_broken_index(name) {
        driver.run_outside(clear).await?;
    }
    driver.run_outside(create).await
}

/// Declares what is built ready. Each unique index is looked over for conflicts in the transaction that makes it
/// enforce, so that no commit comes between.
async fn finish(inner: &Inner, collection: &Collection) -> Result<()> {
    let ready = |index: &mut Index| {
        if index.spec.kind != IndexKind::Unique && index.state == IndexState::Building {
            index.state = IndexState::Ready;
        }
    };
    if alter(inner, collection, Vec::new(), Vec::new(), ready).await?.is_some() {
        return Err(Error::internal("an index without conflicts was refused"));
    }
    for index in building(collection, IndexKind::Unique) {
        let table = format!("c_{}", collection.short_id);
        let columns = columns_of(collection, index);
        let conflicts = conflicts(&table, &columns, inner.driver.dialect());
        let back = Task::BackUnique { index: backing_name(index), table, columns };
        let set = |state: IndexState| {
            move |held: &mut Index| {
                if held.name == index.name {
                    held.state = state.clone();
                }
            }
        };
        if let Some(rows) = alter(inner, collection, vec![conflicts], vec![back], set(IndexState::Ready)).await? {
            let drop = Task::DropIndex(index.name.clone());
            alter(inner, collection, Vec::new(), vec![drop], set(IndexState::Failed(ids(&rows)))).await?;
        }
    }
    Ok(())
}

/// Changes the states of a collection's indexes, its key columns being filled. Answers what a check found.
async fn alter(
    inner: &Inner,
    collection: &Collection,
    checks: Vec<Statement>,
    chores: Vec<Task>,
    change: impl Fn(&mut Index),
) -> Result<Option<Vec<crate::sql::Row>>> {
    let dialect = inner.driver.dialect();
    let mut stored = load(&inner.driver).await?;
    let expected = stored.epoch;
    let filled: Vec<&str> = collection.key_columns.iter().map(|column| column.column.as_str()).collect();
    let Some(held) = stored.collections.get_mut(&collection.name) else { return Ok(None) };
    if held.collection.short_id != collection.short_id {
        return Ok(None);
    }
    let mut next = (*held.collection).clone();
    // Others may have been defined meanwhile: only those that were built here change.
    for index in next.indexes.iter_mut().filter(|index| collection.indexes.iter().any(|built| built.name == index.name))
    {
        change(index);
    }
    for column in next.key_columns.iter_mut().filter(|column| filled.contains(&column.column.as_str())) {
        column.ready = true;
    }
    held.collection = Arc::new(next);
    let mut statements = vec![held.save(dialect)?];
    statements.extend(chores.iter().map(|task| task.save(dialect)));
    statements.extend(move_epoch(&mut stored, dialect));
    match inner.driver.alter(Alteration { expected, checks, statements }).await? {
        Altered::Done => Ok(None),
        Altered::Refused(rows) => Ok(Some(rows)),
        Altered::Stale => Err(stale_epoch(expected)),
    }
}

/// Documents that have a unique key in common with another.
fn conflicts(table: &str, columns: &[String], dialect: Dialect) -> Statement {
    let present = dialect.bytes_literal(&[basalt_core::key::BOOL]);
    let where_present: Vec<String> = columns.iter().map(|column| format!("{column} >= {present}")).collect();
    let same: Vec<String> = columns.iter().map(|column| format!("d.{column} = g.{column}")).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "SELECT d.id FROM {table} d JOIN (SELECT {columns} FROM {table} WHERE {} GROUP BY {columns} \
         HAVING count(*) > 1 LIMIT {NAMED_CONFLICTS}) g ON {} ORDER BY d.id LIMIT {NAMED_CONFLICTS}",
        where_present.join(" AND "),
        same.join(" AND ")
    );
    Statement { sql, values: Vec::new() }
}

async fn chores(driver: &Driver) -> Result<()> {
    let dialect = driver.dialect();
    for row in driver.read_one(SELECT_CHORES, Vec::new()).await? {
        let chore = Chore::load(&row)?;
        let done = Statement { sql: dialect.sql("DELETE FROM chores WHERE id = $1"), values: vec![chore.id.into()] };
        let drop = match chore.task {
            Task::DropTable(name) => format!("DROP TABLE IF EXISTS {name}"),
            Task::DropIndex(name) => format!("DROP INDEX IF EXISTS {name}"),
            Task::DropColumn { table, column } => format!("ALTER TABLE {table} DROP COLUMN {column}"),
            Task::BackUnique { index, table, columns } => {
                let create = create_unique(dialect.create_index(true), &index, &table, &columns, dialect);
                make(driver, &index, create).await?;
                driver.write(vec![done]).await?;
                continue;
            }
        };
        driver.write(vec![Statement { sql: drop, values: Vec::new() }, done]).await?;
    }
    Ok(())
}
