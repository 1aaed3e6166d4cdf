//! Append-only observations (request records, logs, invocations …): batched, kept for a time, dropped (and counted)
//! rather than slowing anything down.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use basalt_core::{Clock, Error, Result, Timestamp};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::driver::Driver;
use crate::postgres::Postgres;
use crate::sql::{Dialect, Row, SqlValue, Statement};
use crate::sqlite;

/// Records that wait to be written.
const QUEUE: usize = 10_000;
/// Records of one transaction.
const BATCH: usize = 1_000;
/// How long records are gathered before they are written.
const GATHER: Duration = Duration::from_millis(200);
const TRIM_EVERY: Duration = Duration::from_mins(1);
/// Records that one step of the trimming removes: more than a batch writes, so that it keeps up under any load.
const TRIM_STEP: usize = 4 * BATCH;
const MAX_LIMIT: u32 = 10_000;

/// The schema of SQLite's file of its own, by its versions; on PostgreSQL the table is in the migrations.
const SQLITE_SCHEMAS: &[&str] = &["CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, \
                                   at INTEGER NOT NULL, body TEXT NOT NULL) STRICT; \
                                   CREATE INDEX IF NOT EXISTS records_by_kind ON records (kind, at); \
                                   CREATE INDEX IF NOT EXISTS records_by_time ON records (at);"];

#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub kind: Cow<'static, str>,
    pub at: Timestamp,
    pub body: Value,
}

/// A record as it is kept, its body unparsed: most are looked through and left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRecord {
    /// Grows with each record that one node writes.
    pub id: i64,
    pub at: Timestamp,
    pub body: String,
}

/// Which records are looked through, the newest first.
#[derive(Clone, Debug)]
pub struct RecordScan {
    pub kind: &'static str,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Those before this one, as an earlier scan found it.
    pub before: Option<(Timestamp, i64)>,
    pub limit: u32,
}

/// Takes records and writes them in batches.
pub(crate) struct Recorder {
    queue: Mutex<Option<mpsc::Sender<Command>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    target: Target,
}

enum Command {
    Append(Record),
    /// Answers once all before it is written.
    Flush(oneshot::Sender<()>),
}

#[derive(Clone)]
enum Target {
    Sqlite(Arc<Mutex<rusqlite::Connection>>),
    Postgres(Arc<Postgres>),
}

impl Recorder {
    pub(crate) async fn start(driver: &Driver, clock: Arc<dyn Clock>, max_age: Duration) -> Result<Self> {
        let target = match driver {
            Driver::Sqlite(sqlite) => {
                let path = sqlite.records_path();
                let open = move || sqlite::open_records(&path, SQLITE_SCHEMAS);
                let connection = tokio::task::spawn_blocking(open).await.map_err(Error::internal)??;
                Target::Sqlite(Arc::new(Mutex::new(connection)))
            }
            Driver::Postgres(postgres) => Target::Postgres(Arc::clone(postgres)),
        };
        let (queue, commands) = mpsc::channel(QUEUE);
        let writer = RecordWriter { target: target.clone(), clock, max_age, trimmed: None, backlog: false };
        #[expect(clippy::disallowed_methods, reason = "the Recorder owns it and awaits it when it is closed")]
        let task = tokio::spawn(writer.serve(commands));
        Ok(Self { queue: Mutex::new(Some(queue)), task: Mutex::new(Some(task)), target })
    }

    pub(crate) fn append(&self, record: Record) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = queue.as_ref().is_some_and(|queue| queue.try_send(Command::Append(record)).is_ok());
        if !taken {
            dropped(1);
        }
    }

    /// The newest in `from..to`, those appended before this call included.
    pub(crate) async fn read(&self, kind: &str, from: Timestamp, to: Timestamp, limit: u32) -> Result<Vec<Record>> {
        self.flush().await;
        let sql = "SELECT kind, at, body FROM records WHERE kind = $1 AND at >= $2 AND at < $3 \
                   ORDER BY at DESC, id DESC LIMIT $4";
        let limit = i64::from(limit.min(MAX_LIMIT));
        let values = vec![kind.into(), from.millis().into(), to.millis().into(), limit.into()];
        let statement = Statement { sql: self.target.dialect().sql(sql), values };
        let rows = self.target.run(vec![statement]).await?.pop().unwrap_or_default();
        rows.iter().map(record).collect()
    }

    /// The newest before a place, those appended before this call included.
    pub(crate) async fn scan(&self, scan: &RecordScan) -> Result<Vec<KeptRecord>> {
        self.flush().await;
        let end = (Timestamp::from_millis(scan.to.millis() - 1), i64::MAX);
        let (at, id) = scan.before.map_or(end, |before| before.min(end));
        let sql = "SELECT id, at, body FROM records WHERE kind = $1 AND at >= $2 AND at <= $3 AND (at < $3 OR id < $4) \
                   ORDER BY at DESC, id DESC LIMIT $5";
        let limit = i64::from(scan.limit.min(MAX_LIMIT));
        let values = vec![scan.kind.into(), scan.from.millis().into(), at.millis().into(), id.into(), limit.into()];
        self.kept(sql, values).await
    }

    /// Those with ids after this one, in the order of ids; those appended before this call are among them.
    pub(crate) async fn after(&self, kind: &str, id: i64, limit: u32) -> Result<Vec<KeptRecord>> {
        self.flush().await;
        let sql = "SELECT id, at, body FROM records WHERE id > $1 AND kind = $2 ORDER BY id LIMIT $3";
        self.kept(sql, vec![id.into(), kind.into(), i64::from(limit.min(MAX_LIMIT)).into()]).await
    }

    /// The greatest id of all.
    pub(crate) async fn last(&self) -> Result<i64> {
        self.flush().await;
        let statement = Statement { sql: "SELECT MAX(id) FROM records".to_owned(), values: Vec::new() };
        let rows = self.target.run(vec![statement]).await?.pop().unwrap_or_default();
        Ok(rows.first().and_then(|row| row.first()).and_then(SqlValue::as_int).unwrap_or(0))
    }

    async fn kept(&self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<KeptRecord>> {
        let statement = Statement { sql: self.target.dialect().sql(sql), values };
        let rows = self.target.run(vec![statement]).await?.pop().unwrap_or_default();
        rows.iter().map(kept).collect()
    }

    async fn flush(&self) {
        let (reply, written) = oneshot::channel();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(queue) = queue
            && queue.send(Command::Flush(reply)).await.is_ok()
        {
            // The writer has gone: then there is nothing to wait for.
            drop(written.await);
        }
    }

    /// Writes what waits, then ends.
    pub(crate) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("the writer of records panicked");
        }
    }
}

struct RecordWriter {
    target: Target,
    clock: Arc<dyn Clock>,
    max_age: Duration,
    trimmed: Option<Instant>,
    /// Whether the last step of the trimming left something: the next follows the next batch, or follows at once.
    backlog: bool,
}

impl RecordWriter {
    async fn serve(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let patience = if self.backlog { Duration::ZERO } else { TRIM_EVERY };
            match tokio::time::timeout(patience, commands.recv()).await {
                Ok(Some(first)) => self.batch(first, &mut commands).await,
                Ok(None) => return,
                // Nothing has come: what is old is removed all the same.
                Err(_) => {}
            }
            self.trim().await;
        }
    }

    async fn batch(&self, first: Command, commands: &mut mpsc::Receiver<Command>) {
        let (mut batch, mut waiting) = (Vec::new(), Vec::new());
        let mut take = |command| match command {
            Command::Append(record) => batch.push(record),
            Command::Flush(reply) => waiting.push(reply),
        };
        take(first);
        gather(commands, &mut take).await;
        self.write(batch).await;
        for reply in waiting {
            // Who asked may have gone.
            reply.send(()).unwrap_or_default();
        }
    }

    async fn write(&self, batch: Vec<Record>) {
        if batch.is_empty() {
            return;
        }
        let count = batch.len() as u64;
        if let Err(error) = self.target.run(vec![insert(&batch, self.target.dialect())]).await {
            tracing::warn!(?error, count, "records are lost");
            dropped(count);
        }
    }

    /// Takes one step, where it is time for one.
    async fn trim(&mut self) {
        if !self.backlog && self.trimmed.is_some_and(|at| at.elapsed() < TRIM_EVERY) {
            return;
        }
        self.trimmed = Some(Instant::now());
        let oldest = self.clock.now().minus(self.max_age).millis();
        let sql = format!(
            "DELETE FROM records WHERE id IN (SELECT id FROM records WHERE at < $1 ORDER BY at LIMIT {TRIM_STEP}) \
             RETURNING 1"
        );
        let statement = Statement { sql: self.target.dialect().sql(&sql), values: vec![oldest.into()] };
        self.backlog = match self.target.run(vec![statement]).await {
            Ok(removed) => removed.first().is_some_and(|rows| rows.len() == TRIM_STEP),
            Err(error) => {
                tracing::warn!(?error, "old records can't be removed");
                false
            }
        };
    }
}

/// Takes what comes within a moment, or until someone waits for it.
async fn gather(commands: &mut mpsc::Receiver<Command>, take: &mut impl FnMut(Command)) {
    let until = tokio::time::Instant::now() + GATHER;
    for _ in 1..BATCH {
        match tokio::time::timeout_at(until, commands.recv()).await {
            Ok(Some(command)) => {
                let flush = matches!(command, Command::Flush(_));
                take(command);
                if flush {
                    return;
                }
            }
            Ok(None) | Err(_) => return,
        }
    }
}

fn insert(batch: &[Record], dialect: Dialect) -> Statement {
    let tuples: Vec<String> =
        (0..batch.len()).map(|n| format!("(${}, ${}, ${})", 3 * n + 1, 3 * n + 2, 3 * n + 3)).collect();
    let values = batch
        .iter()
        .flat_map(|record| [SqlValue::from(&*record.kind), record.at.millis().into(), record.body.to_string().into()]);
    Statement {
        sql: dialect.sql(&format!("INSERT INTO records (kind, at, body) VALUES {}", tuples.join(", "))),
        values: values.collect(),
    }
}

fn record(row: &Row) -> Result<Record> {
    let odd = || Error::internal("a record is odd");
    let text = |n: usize| row.get(n).and_then(SqlValue::as_text).ok_or_else(odd);
    Ok(Record {
        kind: Cow::Owned(text(0)?.to_owned()),
        at: Timestamp::from_millis(row.get(1).and_then(SqlValue::as_int).ok_or_else(odd)?),
        body: serde_json::from_str(text(2)?).map_err(Error::internal)?,
    })
}

fn kept(row: &Row) -> Result<KeptRecord> {
    let odd = || Error::internal("a record is odd");
    let int = |n: usize| row.get(n).and_then(SqlValue::as_int).ok_or_else(odd);
    let body = row.get(2).and_then(SqlValue::as_text).ok_or_else(odd)?.to_owned();
    Ok(KeptRecord { id: int(0)?, at: Timestamp::from_millis(int(1)?), body })
}

fn dropped(count: u64) {
    metrics::counter!("basalt_records_dropped_total").increment(count);
}

impl Target {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs statements in one transaction.
    async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(connection) => {
                let connection = Arc::clone(connection);
                let run = move || {
                    let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                    sqlite::run_batch(&connection, &statements)
                };
                tokio::task::spawn_blocking(run).await.map_err(Error::internal)?
            }
            Self::Postgres(postgres) => postgres.write(statements).await,
        }
    }
}
