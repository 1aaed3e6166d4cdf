//! The driver for PostgreSQL: any number of nodes on one database. Writes go through the optimistic committer, reads
//! through the pool; what other nodes commit is learnt of by NOTIFY and, for certain, by asking twice a second.

mod committer;
mod connections;
mod error;
mod gather;
mod listen;
mod migrate;
mod own;
mod read;
mod reads;
mod settle;
mod sift;
mod statements;
mod value;
mod write;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use basalt_core::{Code, Error, Result, Timestamp};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::catalog::stale::is_schema_changed;
use crate::catalog::stored::{SELECT_COLLECTIONS, SELECT_META, Stored};
use crate::commit::{Attempt, QUEUE_BATCHES, Rings};
use crate::driver::{Alteration, Altered, Opened, Then};
use crate::known::Known;
use crate::shared::Shared;
use crate::sql::{Dialect, Row, Statement};
use committer::Groups;
use connections::{Connections, Held, closed, connect, connect_options};
use error::map;
use gather::Gathering;
use own::Own;

pub(crate) use migrate::examine;
pub(crate) use statements::SetStatements;

/// The lock that orders the log: `pg_advisory_xact_lock` of this number, which `basalt_commit` spells, too.
const COMMIT_LOCK: i64 = 7_089_051_234_867_429_377;
/// Held by the node that builds indexes.
const BUILD_LOCK: i64 = COMMIT_LOCK + 1;
/// Held while migrating.
const MIGRATE_LOCK: i64 = COMMIT_LOCK + 2;
// COMMIT_LOCK + 3 orders signals, which `basalt_signal` spells; + 4 guards the orders of jobs, see their triggers.

/// What is read in it is of one moment.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// For how long it can be looked up what became of a group.
const GROUP_KEPT: Duration = Duration::from_mins(10);
/// Groups of writes in flight.
const COMMITTERS: u32 = 3;
/// Groups of reads in flight.
const READERS: u32 = 2;
/// They have a connection each.
const LISTENERS: u32 = 1;

pub(crate) struct Postgres {
    core: Arc<Core>,
    queue: Mutex<Option<mpsc::Sender<Box<dyn Attempt>>>>,
    committers: Mutex<Vec<JoinHandle<()>>>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    listeners: Vec<JoinHandle<()>>,
}

pub(crate) struct Core {
    connections: Connections,
    gathering: Gathering,
    own: Own,
    groups: Groups,
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
    _connection: Held,
}

impl Prepared {
    pub(crate) async fn open(url: &str, max_connections: u32, now: Timestamp) -> Result<(Self, Opened)> {
        let options = connect_options(url)?;
        migrate::migrate(&options, now).await?;
        let pool = connect(options, max_connections).await?;
        let mut connection = pool.acquire().await.map_err(|error| map(&error))?;
        let stored = load(&mut connection).await?;
        let end = select(&mut connection, crate::changes::SELECT_END).await?;
        let opened = Opened { known: Known::new(stored.catalog(), Dialect::Postgres), end: crate::changes::end(&end)? };
        Ok((Self { pool, max_connections }, opened))
    }

    #[expect(clippy::disallowed_methods, reason = "Postgres owns these tasks and ends them when it is closed")]
    pub(crate) fn start(self, shared: Arc<Shared>) -> Arc<Postgres> {
        let (committers, readers) = (COMMITTERS.min(self.max_connections / 3), READERS.min(self.max_connections / 6));
        let connections = Connections::new(self.pool, committers + readers + LISTENERS);
        let (gathering, own, groups) = (Gathering::default(), Own::default(), Groups::default());
        let core = Arc::new(Core { connections, gathering, own, groups, shared, locked_groups: AtomicU64::new(0) });
        let (queue, attempts) = mpsc::channel(QUEUE_BATCHES);
        let attempts = Arc::new(tokio::sync::Mutex::new(attempts));
        let committer = |_| tokio::spawn(committer::supervise(Arc::clone(&core), Arc::clone(&attempts)));
        let committers = (0..committers).map(committer).collect();
        let readers = (0..readers).map(|_| tokio::spawn(gather::supervise(Arc::clone(&core)))).collect();
        let listeners =
            vec![tokio::spawn(listen::listen(Arc::clone(&core))), tokio::spawn(listen::poll(Arc::clone(&core)))];
        let (queue, committers, readers) = (Mutex::new(Some(queue)), Mutex::new(committers), Mutex::new(readers));
        Arc::new(Postgres { core, queue, committers, readers, listeners })
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
    /// Learns the catalog as it now is.
    async fn refresh(&self) -> Result<()> {
        let mut connection = self.connections.acquire().await?;
        let stored = load(&mut connection).await?;
        self.connections.give_back(connection);
        self.shared.learn(Known::new(stored.catalog(), Dialect::Postgres));
        Ok(())
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
        self.core.gathering.close();
        let readers = std::mem::take(&mut *self.readers.lock().unwrap_or_else(PoisonError::into_inner));
        for reader in readers {
            if reader.await.is_err() {
                tracing::error!("a reader panicked");
            }
        }
        for listener in &self.listeners {
            listener.abort();
        }
        self.core.connections.close().await;
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
        attempt.answer(Err(error), &mut Rings::default());
    }

    /// Runs statements in one transaction.
    pub(crate) async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        let mut connection = self.core.connections.acquire().await?;
        if let [statement] = statements.as_slice() {
            let rows = value::run(&mut connection, statement).await.map_err(|error| map(&error))?;
            self.core.connections.give_back(connection);
            return Ok(vec![value::rows(&rows)?]);
        }
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        let answers = run_all(&mut transaction, &statements).await?;
        transaction.commit().await.map_err(|error| map(&error))?;
        self.core.connections.give_back(connection);
        Ok(answers)
    }

    /// Runs statements, and those that they call for, in one transaction; the answers of the latter.
    pub(crate) async fn write_then(&self, first: &[Statement], then: &Then) -> Result<Vec<Vec<Row>>> {
        let mut connection = self.core.connections.acquire().await?;
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        let further = then(&run_all(&mut transaction, first).await?)?;
        let answers = run_all(&mut transaction, &further).await?;
        transaction.commit().await.map_err(|error| map(&error))?;
        self.core.connections.give_back(connection);
        Ok(answers)
    }

    /// Runs statements in one transaction that is not waited for to be on the disk.
    pub(crate) async fn write_soon(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.core.connections.acquire().await?;
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        let unsynced = transaction.execute("SET LOCAL synchronous_commit = off").await;
        unsynced.map_err(|error| map(&error))?;
        let answers = run_all(&mut transaction, statements).await?;
        transaction.commit().await.map_err(|error| map(&error))?;
        self.core.connections.give_back(connection);
        Ok(answers)
    }

    /// Runs statements in one transaction while no commit is under way.
    pub(crate) async fn write_alone(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        let mut connection = self.core.connections.acquire().await?;
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        lock(&mut transaction).await?;
        let answers = run_all(&mut transaction, &statements).await?;
        transaction.commit().await.map_err(|error| map(&error))?;
        self.core.connections.give_back(connection);
        Ok(answers)
    }

    /// A connection whose statements may take as long as they take.
    async fn patient(&self) -> Result<Held> {
        let mut connection = self.core.connections.acquire().await?;
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
        let mut connection = self.core.connections.acquire().await?;
        connection.close_on_drop();
        let row = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(BUILD_LOCK).fetch_one(&mut *connection).await;
        let mine: bool = row.and_then(|row| row.try_get(0)).map_err(|error| map(&error))?;
        Ok(mine.then_some(BuilderTurn { _connection: connection }))
    }

    pub(crate) async fn alter(&self, alteration: Alteration) -> Result<Altered> {
        let mut connection = self.core.connections.acquire().await?;
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
        self.core.connections.give_back(connection);
        self.core.refresh().await?;
        Ok(Altered::Done)
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

fn overloaded() -> Error {
    Error::new(Code::Overloaded, "Too many writes are waiting.").retry_after(Duration::from_secs(1))
}
