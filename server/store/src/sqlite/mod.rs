//! The driver for SQLite: one thread writes, one syncs the disk behind it, one writes the log back; points are read
//! inline, long reads have threads of their own.

mod checkpointer;
mod connection;
mod error;
mod folder;
mod migrate;
mod readers;
mod room;
mod syncer;
mod write;
mod writer;

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use basalt_core::{Code, CollectionName, Document, DocumentId, Error, Result, Timestamp};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::catalog::stale::is_schema_changed;
use crate::catalog::stored::{SELECT_COLLECTIONS, SELECT_META, Stored};
use crate::commit::{Attempt, Inspection, Look, QUEUE_BATCHES, Rings, check_epoch, unread};
use crate::decide::{Cell, CellKey, Decide, Found, Read, View};
use crate::driver::{Alteration, Altered, Opened, Sieve, Then};
use crate::known::Known;
use crate::migrate::{SELECT_DEFINITIONS, SchemaPlan};
use crate::shared::Shared;
use crate::sql::{Dialect, Row, Statement};
use checkpointer::Checkpointer;
use connection::{Durability, leave_the_disk_to_others, open_reader, open_writer, run};
use error::map;
use folder::Folder;
use readers::Readers;
use syncer::{Durable, Syncer};
use writer::{Beside, Command, LogEnd, Writer, gone};

/// Reads of an inspection's first round up to which it runs on the caller's thread.
const INLINE_READS: usize = 32;

pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    queue: SyncSender<Command>,
    durable: Arc<Durable>,
    readers: Readers,
    /// The writer, and those that end with it.
    threads: Mutex<Vec<JoinHandle<()>>>,
    #[expect(dead_code, reason = "the database's file: it has to stay open as long as there are connections")]
    pages: Arc<File>,
    folder: Folder,
}

/// A folder that is locked and migrated, before anything runs on it.
pub(crate) struct Prepared {
    folder: Folder,
    connection: Connection,
    log: LogEnd,
}

impl Prepared {
    pub(crate) fn open(path: &Path, now: Timestamp) -> Result<(Self, Opened)> {
        let folder = Folder::open(path)?;
        let connection = open_writer(&folder.database(), Durability::Full)?;
        migrate::migrate(&connection, &folder, now)?;
        let stored = load(&connection)?;
        let log = log_end(&connection)?;
        let opened = Opened { known: Known::new(stored.catalog(), Dialect::Sqlite), end: log.seq };
        Ok((Self { folder, connection, log }, opened))
    }

    pub(crate) fn start(self, shared: Arc<Shared>) -> Result<Sqlite> {
        let Self { folder, connection, log } = self;
        let readers = Readers::open(&folder.database(), shared.hooks.read_time)?;
        let durable = Arc::new(Durable::new());
        let syncer = Syncer::open(Arc::clone(&shared), Arc::clone(&durable), &folder.wal())?;
        let (to_sync, unsynced) = sync_channel(syncer::AHEAD);
        let database = folder.database();
        let pages = Arc::new(File::open(&database).map_err(|error| connection::cannot_open(&database, &error))?);
        let (checkpointer, checkpoints) = Checkpointer::start(&database, Arc::clone(&pages), &shared)?;
        leave_the_disk_to_others(&connection)?;
        let beside =
            Beside { shared: Arc::clone(&shared), durable: Arc::clone(&durable), syncer: to_sync, checkpointer };
        let writer = Writer::new(connection, beside, log, folder.wal());
        let (queue, commands) = sync_channel(QUEUE_BATCHES);
        let threads = vec![
            guarded("basalt-writer", &shared, move || writer.serve(&commands))?,
            guarded("basalt-syncer", &shared, move || syncer.serve(&unsynced))?,
            checkpoints,
        ];
        Ok(Sqlite { shared, queue, durable, readers, threads: Mutex::new(threads), pages, folder })
    }
}

/// A thread without which nothing is written.
fn guarded(name: &str, shared: &Shared, serve: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let (on_fatal, reason) = (Arc::clone(&shared.hooks.on_fatal), format!("{name} panicked"));
    let serve = move || {
        if catch_unwind(AssertUnwindSafe(serve)).is_err() {
            on_fatal(&reason);
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(serve).map_err(Error::internal)
}

impl Sqlite {
    pub(crate) fn records_path(&self) -> PathBuf {
        self.folder.records()
    }

    /// The size of the write-ahead log.
    pub(crate) fn wal_bytes(&self) -> u64 {
        std::fs::metadata(self.folder.wal()).map_or(0, |wal| wal.len())
    }

    /// Answers what is under way, then closes; blocks.
    pub(crate) fn close(&self) {
        // Fails when the writer has closed already.
        drop(self.queue.send(Command::Close));
        for thread in std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner)) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
        self.readers.close();
        self.folder.unlock();
    }

    pub(crate) fn submit(&self, attempt: Box<dyn Attempt>) {
        let refused = match self.queue.try_send(Command::Commit(attempt)) {
            Ok(()) => return,
            Err(TrySendError::Full(command)) => (command, overloaded()),
            Err(TrySendError::Disconnected(command)) => (command, gone()),
        };
        if let (Command::Commit(attempt), error) = refused {
            attempt.answer(Err(error), &mut Rings::default());
        }
    }

    /// Runs something on the writer's thread, between groups.
    async fn on_writer<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let task = Command::Task(Box::new(move |writer| drop(reply.send(task(writer)))));
        self.queue.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => overloaded(),
            TrySendError::Disconnected(_) => gone(),
        })?;
        answer.await.map_err(|_| gone())?
    }

    pub(crate) async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        self.on_writer(move |writer| writer.transact(&statements)).await
    }

    /// Runs statements and those that they call for, and waits until that is on the disk.
    pub(crate) async fn write_then(&self, first: Vec<Statement>, then: Then) -> Result<Vec<Vec<Row>>> {
        let written = self.on_writer(move |writer| writer.transact_then(&first, &then)).await;
        self.durable.settled().await;
        written
    }

    /// As [`Sqlite::write`], without waiting for the disk.
    pub(crate) async fn write_soon(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        let then: Then = Arc::new(move |_: &[Vec<Row>]| Ok(statements.clone()));
        self.on_writer(move |writer| writer.transact_then(&[], &then)).await
    }

    pub(crate) async fn alter(&self, alteration: Alteration) -> Result<Altered> {
        self.on_writer(move |writer| alter(writer, &alteration)).await
    }

    /// Runs statements in one read transaction.
    pub(crate) async fn read(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        self.pooled(move |connection| {
            in_snapshot(connection, || {
                statements.iter().map(|statement| run(connection, statement).map_err(|error| map(&error))).collect()
            })
        })
        .await
    }

    /// Runs a read that may be long; what it saw is on the disk by the time of its answer.
    async fn pooled<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let found = self.readers.pooled(read).await;
        self.durable.settled().await;
        found
    }

    /// The same of a short one.
    async fn inline<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let found = self.readers.inline(read);
        self.durable.settled().await;
        found
    }

    pub(crate) async fn read_then(&self, first: Vec<Statement>, then: Then) -> Result<Vec<Vec<Row>>> {
        let all = move |connection: &Connection| {
            let run = |statement: &Statement| run(connection, statement).map_err(|error| map(&error));
            in_snapshot(connection, || {
                let mut answers = first.iter().map(run).collect::<Result<Vec<_>>>()?;
                for statement in then(&answers)? {
                    answers.push(run(&statement)?);
                }
                Ok(answers)
            })
        };
        self.pooled(all).await
    }

    pub(crate) async fn sift<S: Sieve + 'static>(&self, select: Statement, mut sieve: S) -> Result<(S, Vec<Row>)> {
        let read = move |connection: &Connection| {
            in_snapshot(connection, || {
                connection::each(connection, &select, |id, bytes| sieve.see(id, bytes)).map_err(|error| map(&error))?;
                let rows = run(connection, &sieve.then()?).map_err(|error| map(&error))?;
                Ok((sieve, rows))
            })
        };
        self.pooled(read).await
    }

    /// On a connection and a thread of its own.
    pub(crate) async fn read_long(&self, statement: Statement) -> Result<Vec<Row>> {
        let database = self.folder.database();
        let read = move || run(&open_reader(&database)?, &statement).map_err(|error| map(&error));
        let found = tokio::task::spawn_blocking(read).await.map_err(Error::internal)?;
        self.durable.settled().await;
        found
    }

    pub(crate) async fn document(&self, collection: &CollectionName, id: &DocumentId) -> Result<Option<Document>> {
        let read = Read::Document { collection: collection.clone(), id: id.clone() };
        match self.point(&read).await? {
            Found::Row(_, document) => Ok(Some(document)),
            Found::Document(document) => Ok(document),
            Found::Holder(_) | Found::Cell(_) | Found::Holders(_) => Ok(None),
        }
    }

    pub(crate) async fn cell(&self, key: &CellKey) -> Result<Option<Cell>> {
        match self.point(&Read::Cell(key.clone())).await? {
            Found::Cell(cell) => Ok(cell),
            Found::Document(_) | Found::Row(..) | Found::Holder(_) | Found::Holders(_) => Ok(None),
        }
    }

    async fn point(&self, read: &Read) -> Result<Found> {
        let (known, now) = (self.shared.known(), self.shared.clock.now());
        self.inline(|connection| connection::find(connection, &known, read, now)).await
    }

    pub(crate) async fn inspect<D: Decide>(&self, decide: D) -> Result<D::Out> {
        let (mut inspection, mut looked) = self.look(Box::new(Inspection::new(decide))).await?;
        if matches!(&looked, Err(error) if is_schema_changed(error)) {
            (inspection, looked) = self.look(inspection).await?;
        }
        looked?;
        let inspection: Box<dyn Any> = inspection;
        let inspection: Box<Inspection<D>> =
            inspection.downcast().map_err(|_| Error::internal("another inspection"))?;
        inspection.out()
    }

    async fn look(&self, mut inspection: Box<dyn Look>) -> Result<(Box<dyn Look>, Result<()>)> {
        let known = self.shared.known();
        check_epoch(inspection.epoch(), known.epoch())?;
        let first = inspection.step(&View::default())?;
        if first.is_empty() {
            return Ok((inspection, Ok(())));
        }
        let now = self.shared.clock.now();
        let many = first.len() > INLINE_READS;
        let look = move |connection: &Connection| {
            let looked = look(connection, &known, inspection.as_mut(), first, now);
            Ok((inspection, looked))
        };
        if many { self.pooled(look).await } else { self.inline(look).await }
    }
}

fn look(
    connection: &Connection,
    known: &Known,
    inspection: &mut dyn Look,
    first: Vec<Read>,
    now: Timestamp,
) -> Result<()> {
    let (mut needed, mut round, mut view) = (first, 0, View::default());
    if let [read] = needed.as_slice() {
        // One statement sees one state by itself; a transaction around it would cost as much again.
        view.insert(read.clone(), connection::find(connection, known, read, now)?);
        let further = inspection.step(&view)?;
        if further.is_empty() {
            return Ok(());
        }
        needed.extend(further);
        (view, round) = (View::default(), 1);
    }
    in_snapshot(connection, || rounds(connection, known, inspection, &mut view, (needed, round), now))
}

fn rounds(
    connection: &Connection,
    known: &Known,
    inspection: &mut dyn Look,
    view: &mut View,
    (mut needed, mut round): (Vec<Read>, usize),
    now: Timestamp,
) -> Result<()> {
    while !needed.is_empty() {
        for read in unread(view, needed, round)? {
            let found = connection::find(connection, known, &read, now)?;
            view.insert(read, found);
        }
        needed = inspection.step(view)?;
        round += 1;
    }
    Ok(())
}

/// Runs reads that see one state.
fn in_snapshot<T>(connection: &Connection, read: impl FnOnce() -> Result<T>) -> Result<T> {
    let step = |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    step("BEGIN").map_err(|error| map(&error))?;
    let result = read();
    // An interrupted statement may have ended the transaction already.
    if !connection.is_autocommit()
        && let Err(error) = step("ROLLBACK")
    {
        return Err(map(&error));
    }
    result
}

/// Changes the schema and the catalog if the epoch still is the expected one.
fn alter(writer: &mut Writer, alteration: &Alteration) -> Result<Altered> {
    if writer.shared.known().epoch() != alteration.expected {
        learn(writer)?;
        return Ok(Altered::Stale);
    }
    for check in &alteration.checks {
        let rows = run(&writer.connection, check).map_err(|error| map(&error))?;
        if !rows.is_empty() {
            return Ok(Altered::Refused(rows));
        }
    }
    writer.transact(&alteration.statements)?;
    learn(writer)?;
    Ok(Altered::Done)
}

fn learn(writer: &Writer) -> Result<()> {
    let stored = load(&writer.connection)?;
    writer.shared.learn(Known::new(stored.catalog(), Dialect::Sqlite));
    Ok(())
}

fn load(connection: &Connection) -> Result<Stored> {
    let select = |sql: &str| {
        run(connection, &Statement { sql: sql.to_owned(), values: Vec::new() }).map_err(|error| map(&error))
    };
    Stored::load(&select(SELECT_META)?, &select(SELECT_COLLECTIONS)?)
}

fn log_end(connection: &Connection) -> Result<LogEnd> {
    let select = |sql: &str| {
        run(connection, &Statement { sql: sql.to_owned(), values: Vec::new() }).map_err(|error| map(&error))
    };
    let seq = crate::changes::end(&select(crate::changes::SELECT_END)?)?;
    let last = select("SELECT total_bytes FROM changes ORDER BY seq DESC LIMIT 1")?;
    let total_bytes = last.first().and_then(|row| row[0].as_int()).unwrap_or(0);
    Ok(LogEnd { seq, total_bytes })
}

/// What opening the folder would do to its schema.
pub(crate) fn schema_plan(path: &Path) -> Result<SchemaPlan> {
    let database = path.join("data.db");
    let note = "A copy of the database is made first, in the folder's backups/.".to_owned();
    if !database.exists() {
        return crate::migrate::plan(&[], Dialect::Sqlite, None);
    }
    let connection = open_reader(&database)?;
    let mut plan = crate::migrate::plan(&migrate::applied(&connection)?, Dialect::Sqlite, Some(note))?;
    if plan.current > 0 {
        let select = Statement { sql: SELECT_DEFINITIONS.to_owned(), values: Vec::new() };
        plan.definitions = crate::migrate::definitions(&run(&connection, &select).map_err(|error| map(&error))?)?;
    }
    Ok(plan)
}

fn overloaded() -> Error {
    Error::new(Code::Overloaded, "Too many writes are waiting.").retry_after(Duration::from_secs(1))
}

/// Opens the file for records, whose last moments may be lost in a power loss, and brings it to the last of these
/// versions of its schema.
pub(crate) fn open_records(path: &Path, schemas: &[&str]) -> Result<Connection> {
    let connection = open_writer(path, Durability::Normal)?;
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i32>(0));
    let version = usize::try_from(version.map_err(|error| map(&error))?).unwrap_or_default();
    if version > schemas.len() {
        let detail = format!(
            "{} has schema version {version}, and this Basalt knows versions up to {}: a newer Basalt wrote it. Start \
             that one, or move the file away: it holds records, no documents.",
            path.display(),
            schemas.len()
        );
        return Err(Error::new(Code::Unavailable, detail));
    }
    for (step, schema) in (version + 1..).zip(&schemas[version..]) {
        let sql = format!("BEGIN IMMEDIATE; {schema} PRAGMA user_version = {step}; COMMIT");
        connection.execute_batch(&sql).map_err(|error| map(&error))?;
    }
    Ok(connection)
}

/// Runs statements as one transaction.
pub(crate) fn run_batch(connection: &Connection, statements: &[Statement]) -> Result<Vec<Vec<Row>>> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| map(&error))?;
    let rows: rusqlite::Result<Vec<Vec<Row>>> = statements.iter().map(|statement| run(connection, statement)).collect();
    let end = if rows.is_ok() { "COMMIT" } else { "ROLLBACK" };
    connection.execute_batch(end).map_err(|error| map(&error))?;
    rows.map_err(|error| map(&error))
}
