//! Changes of the catalog, and what they leave to the background: filling key columns and side tables, making indexes,
//! dropping what is gone. Every step can be taken again after a crash.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use basalt_core::{Error, Result, Seq};

use crate::catalog::evolve::{backing_name, columns_of, create_ordered, create_unique, evolve, move_epoch};
use crate::catalog::stale::stale_epoch;
use crate::catalog::stored::{Chore, SELECT_CHORES, SELECT_COLLECTIONS, SELECT_META, Stored, Task, ids};
use crate::catalog::{Catalog, CatalogChange, Collection, Index, IndexKind, IndexState};
use crate::changes;
use crate::driver::{Alteration, Altered, Driver};
use crate::fill::{building, fill};
use crate::sql::{Dialect, Statement};
use crate::store::Inner;

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
        let building = unfinished(&inner.shared.known().catalog, &HashSet::new()).is_some();
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

/// Builds what is unfinished. A collection that can't be built now holds up no other: it is tried again next time.
async fn build_all(inner: &Inner) -> Result<Built> {
    let Some(_turn) = inner.driver.builder_turn().await? else { return Ok(Built::ByAnother) };
    let mut failed = Failed::default();
    while let Some(collection) = unfinished(&load(&inner.driver).await?.catalog(), &failed.collections) {
        if let Err(error) = build(inner, &collection).await {
            tracing::warn!(collection = %collection.name, ?error, "an index can't be built now");
            failed.note(&collection.short_id, error);
        }
    }
    // Chores of a collection that failed may be what it waits for.
    let mut undone = Failed::default();
    chores(&inner.driver, &mut undone).await?;
    match failed.first.or(undone.first) {
        Some(error) => Err(error),
        None => Ok(Built::All),
    }
}

/// What could not be done now.
#[derive(Default)]
struct Failed {
    /// By short id.
    collections: HashSet<String>,
    first: Option<Error>,
}

impl Failed {
    fn note(&mut self, short_id: &str, error: Error) {
        self.collections.insert(short_id.to_owned());
        self.first.get_or_insert(error);
    }
}

async fn build(inner: &Inner, collection: &Collection) -> Result<()> {
    fill(&inner.driver, &inner.shared, collection).await?;
    create_indexes(&inner.driver, collection).await?;
    finish(inner, collection).await
}

fn unfinished(catalog: &Catalog, but: &HashSet<String>) -> Option<Arc<Collection>> {
    let is_unfinished = |collection: &&Arc<Collection>| {
        let building = collection.key_columns.iter().any(|column| !column.ready)
            || collection.indexes.iter().any(|index| index.state == IndexState::Building);
        building && !but.contains(&collection.short_id)
    };
    catalog.collections.values().find(is_unfinished).cloned()
}

pub(crate) async fn load(driver: &Driver) -> Result<Stored> {
    let statement = |sql: &str| Statement { sql: sql.to_owned(), values: Vec::new() };
    let answers = driver.read(vec![statement(SELECT_META), statement(SELECT_COLLECTIONS)]).await?;
    match answers.as_slice() {
        [meta, collections] => Stored::load(meta, collections),
        _ => Err(Error::internal("two statements have two answers")),
    }
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

/// Declares what is built ready.
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
        enforce(inner, collection, index).await?;
    }
    Ok(())
}

/// Lets a unique index enforce, or fail. All documents are looked over for conflicts beside the writers; then, in the
/// transaction that makes it enforce so that no commit comes between, those that have changed since.
async fn enforce(inner: &Inner, collection: &Collection, index: &Index) -> Result<()> {
    let dialect = inner.driver.dialect();
    let table = format!("c_{}", collection.short_id);
    let columns = columns_of(collection, index);
    let set = |state: IndexState| {
        move |held: &mut Index| {
            if held.name == index.name {
                held.state = state.clone();
            }
        }
    };
    let since = changes::end(&inner.driver.read_one(changes::SELECT_END, Vec::new()).await?)?;
    let mut found = inner.driver.read_long(conflicts(&table, &columns, dialect)).await?;
    if found.is_empty() {
        let fresh = fresh_conflicts(collection, &columns, since, dialect);
        let back = Task::BackUnique { index: backing_name(index), table, columns };
        match alter(inner, collection, vec![fresh], vec![back], set(IndexState::Ready)).await? {
            None => return Ok(()),
            Some(rows) => found = rows,
        }
    }
    let drop = Task::DropIndex(index.name.clone());
    alter(inner, collection, Vec::new(), vec![drop], set(IndexState::Failed(ids(&found)))).await.map(|_| ())
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
    let same = same(columns, "d", "g");
    let present = present(columns, "", dialect);
    let columns = columns.join(", ");
    let sql = format!(
        "SELECT d.id FROM {table} d JOIN (SELECT {columns} FROM {table} WHERE {present} GROUP BY {columns} \
         HAVING count(*) > 1 LIMIT {NAMED_CONFLICTS}) g ON {same} ORDER BY d.id LIMIT {NAMED_CONFLICTS}"
    );
    Statement { sql, values: Vec::new() }
}

/// The same of those that have changed after a place in the log: of all, where the log no longer tells.
fn fresh_conflicts(collection: &Collection, columns: &[String], since: Seq, dialect: Dialect) -> Statement {
    let table = format!("c_{}", collection.short_id);
    let pairs = format!(
        "FROM (SELECT id FROM changes WHERE collection = $1 AND seq > $2 UNION SELECT id FROM {table} WHERE EXISTS \
         (SELECT 1 FROM meta WHERE name = 'trimmed' AND CAST(value AS BIGINT) > $2)) n JOIN {table} d ON d.id = n.id \
         JOIN {table} o ON {} AND o.id <> d.id WHERE {}",
        same(columns, "d", "o"),
        present(columns, "d.", dialect)
    );
    let sql = format!(
        "SELECT id FROM (SELECT d.id AS id {pairs} UNION SELECT o.id AS id {pairs}) p ORDER BY id LIMIT {NAMED_CONFLICTS}"
    );
    let since = i64::try_from(since).unwrap_or(i64::MAX);
    Statement { sql: dialect.sql(&sql), values: vec![collection.name.as_str().into(), since.into()] }
}

fn present(columns: &[String], of: &str, dialect: Dialect) -> String {
    let present = dialect.bytes_literal(&[basalt_core::key::BOOL]);
    columns.iter().map(|column| format!("{of}{column} >= {present}")).collect::<Vec<_>>().join(" AND ")
}

fn same(columns: &[String], one: &str, other: &str) -> String {
    columns.iter().map(|column| format!("{one}.{column} = {other}.{column}")).collect::<Vec<_>>().join(" AND ")
}

/// Those of one collection are done in order; one that fails holds up those of its collection alone.
async fn chores(driver: &Driver, failed: &mut Failed) -> Result<()> {
    for row in driver.read_one(SELECT_CHORES, Vec::new()).await? {
        let chore = Chore::load(&row)?;
        if failed.collections.contains(chore.task.short_id()) {
            continue;
        }
        if let Err(error) = carry_out(driver, &chore).await {
            tracing::warn!(?chore, ?error, "a change of the schema can't be made now");
            failed.note(chore.task.short_id(), error);
        }
    }
    Ok(())
}

async fn carry_out(driver: &Driver, chore: &Chore) -> Result<()> {
    let dialect = driver.dialect();
    let done = Statement { sql: dialect.sql("DELETE FROM chores WHERE id = $1"), values: vec![chore.id.into()] };
    let drop = match &chore.task {
        Task::DropTable(name) => format!("DROP TABLE IF EXISTS {name}"),
        Task::DropIndex(name) => format!("DROP INDEX IF EXISTS {name}"),
        Task::DropColumn { table, column } => format!("ALTER TABLE {table} DROP COLUMN {column}"),
        Task::BackUnique { index, table, columns } => {
            let create = create_unique(dialect.create_index(true), index, table, columns, dialect);
            make(driver, index, create).await?;
            return driver.write(vec![done]).await.map(|_| ());
        }
    };
    driver.write(vec![Statement { sql: drop, values: Vec::new() }, done]).await.map(|_| ())
}
