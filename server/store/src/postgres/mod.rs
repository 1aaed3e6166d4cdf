//! The driver for PostgreSQL: any number of nodes on one database. Writes go through the optimistic committer, reads
//! through the pool; what other nodes commit is learnt of by NOTIFY and, for certain, by asking twice a second.

mod committer;
mod error;
mod listen;
mod migrate;
mod read;
mod sift;
mod statements;
mod value;
mod write;

use std::str::FromStr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use basalt_core::{Code, CollectionName, Document, DocumentId, Error, Result, Timestamp};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::catalog::stale::is_schema_changed;
use crate::catalog::stored::{SELECT_COLLECTIONS, SELECT_META, Stored};
use crate::commit::{Attempt, Inspection, QUEUE_BATCHES, check_epoch, unread};
use crate::decide::{Cell, CellKey, Decide, Read, View};
use crate::driver::{Alteration, Altered, Opened, Then};
use crate::known::Known;
use crate::shared::Shared;
use crate::sql::{Dialect, Row, Statement};
use error::{gone, is_lost, map};
use read::Expectations;

pub(crate) use migrate::examine;
pub(crate) use statements::SetStatements;

/// The lock that orders the log: `pg_advisory_xact_lock` of this number, which `basalt_commit` spells, too.
const COMMIT_LOCK: i64 = 7_089_051_234_867_429_377;
/// Held by the node that builds indexes.
const BUILD_LOCK: i64 = COMMIT_LOCK + 1;
/// Held while migrating.
const MIGRATE_LOCK: i64 = COMMIT_LOCK + 2;
// COMMIT_LOCK + 3 orders signals; `basalt_signal` spells it.

/// What is read in it is of one moment.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// A connection that was idle for longer is tried before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// For how long it can be looked up what became of a group.
const GROUP_KEPT: Duration = Duration::from_mins(10);
/// Groups in flight.
const COMMITTERS: u32 = 4;

pub(crate) struct Postgres {
    core: Arc<Core>,
    queue: Mutex<Option<mpsc::Sender<Box<dyn Attempt>>>>,
    committers: Mutex<Vec<JoinHandle<()>>>,
    listeners: Vec<JoinHandle<()>>,
}

pub(crate) struct Core {
    pool: PgPool,
    shared: Arc<Shared>,
    /// Groups that were in one another's way too often, and took the lock before they read.
    locked_groups: AtomicU64,
}

/// A database that is migrated, before anything runs on it.
pub(crate) struct Prepared {
    pool: PgPool,
    max_connections: u32,
}

/// The turn to build indexes; given back by closing the connection that holds it.
pub(crate) struct BuilderTurn {
    _connection: PoolConnection<sqlx::Postgres>,
}

impl Prepared {
    pub(crate) async fn open(url: &str, max_connections: u32, now: Timestamp) -> Result<(Self, Opened)> {
        let options = connect_options(url)?;
        migrate::migrate(&options, now).await?;
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(Duration::from_secs(3))
            .test_before_acquire(false)
            .before_acquire(|connection, usage| {
                Box::pin(async move {
                    // Under load a round trip for nothing; after a pause the connection may be gone.
                    if usage.idle_for >= TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(|error| map(&error))?;
        let mut connection = pool.acquire().await.map_err(|error| map(&error))?;
        let stored = load(&mut connection).await?;
        let end = select(&mut connection, crate::changes::SELECT_END).await?;
        let opened = Opened { known: Known::new(stored.catalog(), Dialect::Postgres), end: crate::changes::end(&end)? };
        Ok((Self { pool, max_connections }, opened))
    }

    #[expect(clippy::disallowed_methods, reason = "Postgres owns these tasks and ends them when it is closed")]
    pub(crate) fn start(self, shared: Arc<Shared>) -> Arc<Postgres> {
        let core = Arc::new(Core { pool: self.pool, shared, locked_groups: AtomicU64::new(0) });
        let (queue, attempts) = mpsc::channel(QUEUE_BATCHES);
        let attempts = Arc::new(tokio::sync::Mutex::new(attempts));
        let count = COMMITTERS.min(self.max_connections / 3);
        let committer = |_| tokio::spawn(committer::supervise(Arc::clone(&core), Arc::clone(&attempts)));
        let committers = (0..count).map(committer).collect();
        let listeners =
            vec![tokio::spawn(listen::listen(Arc::clone(&core))), tokio::spawn(listen::poll(Arc::clone(&core)))];
        let (queue, committers) = (Mutex::new(Some(queue)), Mutex::new(committers));
        Arc::new(Postgres { core, queue, committers, listeners })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

impl Core {
    async fn acquire(&self) -> Result<PoolConnection<sqlx::Postgres>> {
        self.pool.acquire().await.map_err(|error| match error {
            // Not all are in use, so it waited for a new one: nobody answers there.
            sqlx::Error::PoolTimedOut if self.pool.size() < self.connections() => gone(&error),
            error => map(&error),
        })
    }

    /// Learns the catalog as it now is.
    async fn refresh(&self) -> Result<()> {
        let mut connection = self.acquire().await?;
        let stored = load(&mut connection).await?;
        self.shared.learn(Known::new(stored.catalog(), Dialect::Postgres));
        Ok(())
    }

    /// How many connections may have broken at once.
    fn connections(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    fn group_expiry(&self) -> Timestamp {
        self.shared.clock.now().plus(GROUP_KEPT)
    }

    fn group_id(&self) -> String {
        basalt_core::random::base32hex(&basalt_core::random::bytes::<20>(&*self.shared.random))
    }
}

impl Postgres {
    /// Answers what is under way, then closes.
    pub(crate) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let committers = std::mem::take(&mut *self.committers.lock().unwrap_or_else(PoisonError::into_inner));
        for committer in committers {
            if committer.await.is_err() {
                tracing::error!("a committer panicked");
            }
        }
        for listener in &self.listeners {
            listener.abort();
        }
        self.core.pool.close().await;
    }

    #[cfg(feature = "testkit")]
    pub(crate) fn locked_groups(&self) -> u64 {
        self.core.locked_groups.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn submit(&self, attempt: Box<dyn Attempt>) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = match queue.as_ref() {
            Some(queue) => match queue.try_send(attempt) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(attempt)) => (attempt, overloaded()),
                Err(mpsc::error::TrySendError::Closed(attempt)) => (attempt, closed()),
            },
            None => (attempt, closed()),
        };
        drop(queue);
        let (attempt, error) = refused;
        attempt.answer(Err(error));
    }

    /// Runs statements in one read transaction.
    pub(crate) async fn read(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        let mut broken = 0;
        loop {
            let mut connection = self.core.acquire().await?;
            match Self::try_read(&mut connection, &statements).await {
                // It broke while it was idle, perhaps with all others.
                Err(error) if is_lost(&error) && broken < self.core.connections() => {
                    connection.close_on_drop();
                    broken += 1;
                }
                result => return result.map_err(|error| map(&error))?,
            }
        }
    }

    async fn try_read(connection: &mut PgConnection, statements: &[Statement]) -> sqlx::Result<Result<Vec<Vec<Row>>>> {
        if let [statement] = statements {
            let rows = value::run(connection, statement).await?;
            return Ok(value::rows(&rows).map(|rows| vec![rows]));
        }
        let mut transaction = connection.begin_with(BEGIN_READ).await?;
        let mut answers = Vec::with_capacity(statements.len());
        for statement in statements {
            answers.push(value::run(&mut transaction, statement).await?);
        }
        transaction.commit().await?;
        Ok(answers.iter().map(|rows| value::rows(rows)).collect())
    }

    pub(crate) async fn read_then(&self, first: Vec<Statement>, then: Then) -> Result<Vec<Vec<Row>>> {
        let mut broken = 0;
        loop {
            let mut connection = self.core.acquire().await?;
            match Self::try_read_then(&mut connection, &first, &then).await {
                // As in `read`.
                Err(error) if is_lost(&error) && broken < self.core.connections() => {
                    connection.close_on_drop();
                    broken += 1;
                }
                result => return result.map_err(|error| map(&error))?,
            }
        }
    }

    async fn try_read_then(
        connection: &mut PgConnection,
        first: &[Statement],
        then: &Then,
    ) -> sqlx::Result<Result<Vec<Vec<Row>>>> {
        let mut transaction = connection.begin_with(BEGIN_READ).await?;
        let mut answers = Vec::with_capacity(first.len() + 1);
        for statement in first {
            match value::rows(&value::run(&mut transaction, statement).await?) {
                Ok(rows) => answers.push(rows),
                Err(error) => return Ok(Err(error)),
            }
        }
        let further = match then(&answers) {
            Ok(further) => further,
            Err(error) => return Ok(Err(error)),
        };
        for statement in &further {
            match value::rows(&value::run(&mut transaction, statement).await?) {
                Ok(rows) => answers.push(rows),
                Err(error) => return Ok(Err(error)),
            }
        }
        transaction.commit().await?;
        Ok(Ok(answers))
    }

    /// Runs statements in one transaction.
    pub(crate) async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        let mut connection = self.core.acquire().await?;
        if let [statement] = statements.as_slice() {
            let rows = value::run(&mut connection, statement).await.map_err(|error| map(&error))?;
            return Ok(vec![value::rows(&rows)?]);
        }
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        let answers = run_all(&mut transaction, &statements).await?;
        transaction.commit().await.map_err(|error| map(&error))?;
        Ok(answers)
    }

    /// Runs statements in one transaction while no commit is under way.
    pub(crate) async fn write_alone(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        let mut connection = self.core.acquire().await?;
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        lock(&mut transaction).await?;
        let answers = run_all(&mut transaction, &statements).await?;
        transaction.commit().await.map_err(|error| map(&error))?;
        Ok(answers)
    }

    /// A connection whose statements may take as long as they take.
    async fn patient(&self) -> Result<PoolConnection<sqlx::Postgres>> {
        let mut connection = self.core.acquire().await?;
        // The limits that are lifted here go with the connection.
        connection.close_on_drop();
        let limits = connection.execute("SET statement_timeout = 0; SET lock_timeout = 0");
        limits.await.map_err(|error| map(&error))?;
        Ok(connection)
    }

    pub(crate) async fn read_long(&self, statement: &Statement) -> Result<Vec<Row>> {
        let mut connection = self.patient().await?;
        value::rows(&value::run(&mut connection, statement).await.map_err(|error| map(&error))?)
    }

    /// Runs a statement outside of any transaction, for as long as it takes.
    pub(crate) async fn run_outside(&self, sql: &str) -> Result<()> {
        let mut connection = self.patient().await?;
        connection.execute(AssertSqlSafe(sql.to_owned())).await.map_err(|error| map(&error))?;
        Ok(())
    }

    pub(crate) async fn refresh(&self) -> Result<()> {
        self.core.refresh().await
    }

    pub(crate) async fn builder_turn(&self) -> Result<Option<BuilderTurn>> {
        let mut connection = self.core.acquire().await?;
        connection.close_on_drop();
        let row = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(BUILD_LOCK).fetch_one(&mut *connection).await;
        let mine: bool = row.and_then(|row| row.try_get(0)).map_err(|error| map(&error))?;
        Ok(mine.then_some(BuilderTurn { _connection: connection }))
    }

    pub(crate) async fn alter(&self, alteration: Alteration) -> Result<Altered> {
        let mut connection = self.core.acquire().await?;
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        lock(&mut transaction).await?;
        if epoch(&mut transaction).await? != Some(alteration.expected) {
            return Ok(Altered::Stale);
        }
        for check in &alteration.checks {
            let rows = value::run(&mut transaction, check).await.map_err(|error| map(&error))?;
            if !rows.is_empty() {
                return Ok(Altered::Refused(value::rows(&rows)?));
            }
        }
        run_all(&mut transaction, &alteration.statements).await?;
        transaction.execute("SELECT pg_notify('basalt_catalog', '')").await.map_err(|error| map(&error))?;
        transaction.commit().await.map_err(|error| map(&error))?;
        drop(connection);
        self.core.refresh().await?;
        Ok(Altered::Done)
    }

    pub(crate) async fn document(&self, collection: &CollectionName, id: &DocumentId) -> Result<Option<Document>> {
        let known = self.core.shared.known();
        let reads = vec![Read::Document { collection: collection.clone(), id: id.clone() }];
        let view = self.view(&known, reads).await?;
        let document = view.documents.into_values().next().flatten();
        Ok(document.map(|document| Arc::try_unwrap(document).unwrap_or_else(|shared| (*shared).clone())))
    }

    pub(crate) async fn cell(&self, key: &CellKey) -> Result<Option<Cell>> {
        let known = self.core.shared.known();
        let view = self.view(&known, vec![Read::Cell(key.clone())]).await?;
        Ok(view.cells.into_values().next().flatten())
    }

    async fn view(&self, known: &Known, reads: Vec<Read>) -> Result<View> {
        let mut view = View::default();
        let now = self.core.shared.clock.now();
        let mut broken = 0;
        loop {
            let mut connection = self.core.acquire().await?;
            let into = (&mut view, &mut Expectations::default());
            match read::read(&mut connection, known, reads.clone(), now, into).await {
                // It broke while it was idle, perhaps with all others.
                Err(error) if is_broken(&error) && broken < self.core.connections() => {
                    connection.close_on_drop();
                    broken += 1;
                }
                result => return result.map(|()| view),
            }
        }
    }

    pub(crate) async fn inspect<D: Decide>(&self, decide: D) -> Result<D::Out> {
        let mut inspection = Inspection::new(decide);
        let looked = match self.look(&mut inspection).await {
            Err(error) if is_schema_changed(&error) => {
                self.core.refresh().await?;
                self.look(&mut inspection).await
            }
            result => result,
        };
        looked?;
        inspection.out.ok_or_else(|| Error::internal("an inspection without a decision"))
    }

    /// What is decided on one round of reads has seen one snapshot, that of their one statement. Where more is needed,
    /// all of it is read in a transaction that keeps its snapshot.
    async fn look<D: Decide>(&self, inspection: &mut Inspection<D>) -> Result<()> {
        let known = self.core.shared.known();
        check_epoch(inspection.epoch(), known.epoch())?;
        let first = inspection.step(&View::default())?;
        if first.is_empty() {
            return Ok(());
        }
        let first = unread(&View::default(), first, 0)?;
        let view = self.view(&known, first.clone()).await?;
        let mut needed = inspection.step(&view)?;
        if needed.is_empty() {
            return Ok(());
        }
        let now = self.core.shared.clock.now();
        let mut connection = self.core.acquire().await?;
        let mut transaction = connection.begin_with(BEGIN_READ).await.map_err(|error| map(&error))?;
        needed.extend(first);
        let (mut view, mut round) = (View::default(), 1);
        while !needed.is_empty() {
            let reads = unread(&view, needed, round)?;
            read::read(&mut transaction, &known, reads, now, (&mut view, &mut Expectations::default())).await?;
            needed = inspection.step(&view)?;
            round += 1;
        }
        transaction.commit().await.map_err(|error| map(&error))
    }
}

/// Whether a read failed because its connection did.
fn is_broken(error: &Error) -> bool {
    error.code() == Code::Unavailable && !is_schema_changed(error)
}

async fn lock(connection: &mut PgConnection) -> Result<()> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(COMMIT_LOCK);
    lock.execute(connection).await.map(|_| ()).map_err(|error| map(&error))
}

async fn run_all(connection: &mut PgConnection, statements: &[Statement]) -> Result<Vec<Vec<Row>>> {
    let mut answers = Vec::with_capacity(statements.len());
    for statement in statements {
        let rows = value::run(connection, statement).await.map_err(|error| map(&error))?;
        answers.push(value::rows(&rows)?);
    }
    Ok(answers)
}

async fn select(connection: &mut PgConnection, sql: &str) -> Result<Vec<Row>> {
    let statement = Statement { sql: sql.to_owned(), values: Vec::new() };
    let rows = value::run(connection, &statement).await.map_err(|error| map(&error))?;
    value::rows(&rows)
}

async fn epoch(connection: &mut PgConnection) -> Result<Option<u64>> {
    let rows = select(connection, "SELECT value FROM meta WHERE name = 'epoch'").await?;
    Ok(rows.first().and_then(|row| row[0].as_text()).and_then(|text| text.parse().ok()))
}

/// Epoch and collections of one moment: each change of the catalog is seen by both statements or found out by the
/// next look.
async fn load(connection: &mut PgConnection) -> Result<Stored> {
    let mut transaction = connection.begin_with(BEGIN_READ).await.map_err(|error| map(&error))?;
    let stored = Stored::load(
        &select(&mut transaction, SELECT_META).await?,
        &select(&mut transaction, SELECT_COLLECTIONS).await?,
    )?;
    transaction.commit().await.map_err(|error| map(&error))?;
    Ok(stored)
}

fn connect_options(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Error::new(Code::Unavailable, "The database's URL can't be read.").caused_by(error))?;
    Ok(options.application_name("basalt").statement_cache_capacity(512).options([
        ("lock_timeout", "2s"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("jit", "off"),
        ("timezone", "UTC"),
    ]))
}

fn overloaded() -> Error {
    Error::new(Code::Overloaded, "Too many writes are waiting.").retry_after(Duration::from_secs(1))
}

fn closed() -> Error {
    Error::new(Code::Unavailable, "The store is closed.")
}
