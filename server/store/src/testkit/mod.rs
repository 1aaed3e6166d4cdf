//! Databases for tests, on both engines: each test has one of its own, with a clock that it sets and randomness from
//! a seed. `BASALT_TEST_POSTGRES` names a server on which databases may be made and dropped.

#![expect(clippy::expect_used, reason = "a test's database that fails fails the test")]

mod faults;
mod outside;

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

pub use self::faults::Faults;
pub use self::outside::{ManualClock, SeededRandom};
use crate::shared::Hooks;
use crate::{Engine, LogLimits, Options, Store};

/// A database that is gone when this is dropped.
pub struct TestDb {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub random: Arc<SeededRandom>,
    place: Arc<Place>,
}

enum Place {
    Sqlite(TempDir),
    Postgres { server: String, name: String },
}

/// Runs a test on each engine.
pub async fn both<Test, Done>(test: Test)
where
    Test: Fn(TestDb) -> Done,
    Done: Future<Output = ()>,
{
    test(TestDb::sqlite().await).await;
    test(TestDb::postgres().await).await;
}

impl TestDb {
    pub async fn sqlite() -> Self {
        Self::sqlite_with(|_| {}, &Faults::default()).await
    }

    pub async fn postgres() -> Self {
        Self::postgres_with(|_| {}, &Faults::default()).await
    }

    /// With other options, and faults that the test lets happen.
    pub async fn sqlite_with(change: impl FnOnce(&mut Options), faults: &Faults) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::open(Place::Sqlite(folder), change, faults.hooks()).await
    }

    pub async fn postgres_with(change: impl FnOnce(&mut Options), faults: &Faults) -> Self {
        let place = Place::make_database().await;
        Self::open(place, change, faults.hooks()).await
    }

    async fn open(place: Place, change: impl FnOnce(&mut Options), hooks: Hooks) -> Self {
        let (clock, random) = (Arc::new(ManualClock::default()), Arc::new(SeededRandom::new(1)));
        let mut options = place.options(&clock, &random);
        change(&mut options);
        let store = Store::open_with(options, hooks).await.expect("the test's database opens");
        Self { store, clock, random, place: Arc::new(place) }
    }

    /// Options that open the same database (again, or on PostgreSQL as a further node).
    pub fn options(&self) -> Options {
        self.place.options(&self.clock, &self.random)
    }

    pub fn engine(&self) -> Engine {
        self.place.engine()
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(*self.place, Place::Sqlite(_))
    }

    /// SQLite's data folder.
    pub fn folder(&self) -> Option<&Path> {
        match &*self.place {
            Place::Sqlite(folder) => Some(folder.path()),
            Place::Postgres { .. } => None,
        }
    }

    /// Closes the store and opens it again.
    pub async fn reopen(self) -> Self {
        self.store.close().await;
        let store = Store::open(self.options()).await.expect("the test's database opens again");
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        Self { store, clock, random, place: Arc::clone(&self.place) }
    }

    /// Trims and sweeps now instead of within a second.
    pub async fn maintain(&self) {
        crate::maintenance::turn(&self.store.inner).await.expect("maintenance");
    }

    /// Groups that this node committed with the lock held from the start (PostgreSQL).
    pub fn locked_groups(&self) -> u64 {
        match &self.store.inner.driver {
            crate::driver::Driver::Sqlite(_) => 0,
            crate::driver::Driver::Postgres(postgres) => postgres.locked_groups(),
        }
    }

    /// Runs SQL beside the store.
    pub async fn execute(&self, sql: &str) {
        match self.engine() {
            Engine::Sqlite { .. } => {
                let statement = crate::sql::Statement { sql: sql.to_owned(), values: Vec::new() };
                self.store.inner.driver.write(vec![statement]).await.expect("the statement runs");
            }
            engine @ Engine::Postgres { .. } => execute(&engine, sql).await,
        }
    }

    /// Reads beside the store's public interface; the first column of each row, as text.
    pub async fn select(&self, sql: &str) -> Vec<String> {
        let text = |value: &crate::sql::SqlValue| match value {
            crate::sql::SqlValue::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        let rows = self.try_select(sql).await.expect("the statement runs");
        rows.iter().map(|row| row.iter().map(text).collect::<Vec<_>>().join("|")).collect()
    }

    pub async fn try_select(&self, sql: &str) -> basalt_core::Result<Vec<crate::sql::Row>> {
        self.store.inner.driver.read_one(sql, Vec::new()).await
    }
}

/// Runs SQL on a PostgreSQL database, on a connection of its own.
pub async fn execute(engine: &Engine, sql: &str) {
    let Engine::Postgres { url, .. } = engine else { panic!("only PostgreSQL is reached from beside") };
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect("the statement runs");
    connection.close().await.expect("a connection that closes");
}

/// Whether tests may take their time.
pub fn is_long() -> bool {
    #[expect(clippy::disallowed_methods, reason = "tests are told by it")]
    std::env::var_os("BASALT_TEST_LONG").is_some()
}

/// Keeps the parts together: a block that uses one of them captures all, and with them the database itself.
impl Drop for TestDb {
    fn drop(&mut self) {}
}

impl Place {
    async fn make_database() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        #[expect(clippy::disallowed_methods, reason = "tests are told by it where PostgreSQL is")]
        let server = std::env::var("BASALT_TEST_POSTGRES").expect("BASALT_TEST_POSTGRES names a PostgreSQL server");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("basalt_test_{:x}_{number}", RandomState::new().hash_one(std::process::id()));
        let mut connection = PgConnection::connect(&server).await.expect("BASALT_TEST_POSTGRES answers");
        let create = format!("CREATE DATABASE {name}");
        connection.execute(AssertSqlSafe(create)).await.expect("databases may be made there");
        connection.close().await.expect("a connection that closes");
        Self::Postgres { server, name }
    }

    fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(folder) => Engine::Sqlite { folder: folder.path().join("data") },
            Self::Postgres { server, name } => {
                let (base, _) = server.rsplit_once('/').expect("a URL with a database");
                Engine::Postgres { url: format!("{base}/{name}"), max_connections: 8 }
            }
        }
    }

    fn options(&self, clock: &Arc<ManualClock>, random: &Arc<SeededRandom>) -> Options {
        Options {
            engine: self.engine(),
            clock: Arc::<ManualClock>::clone(clock),
            random: Arc::<SeededRandom>::clone(random),
            log_limits: LogLimits {
                max_age: Duration::from_hours(7 * 24),
                max_bytes: 1 << 30,
                hard_max_bytes: 2 << 30,
                reader_idle: Duration::from_hours(30 * 24),
            },
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self::Postgres { server, name } = self else { return };
        let (server, drop_it) = (server.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        // Out of the test's runtime, which may be going down.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server).await.map_err(std::io::Error::other)?;
                connection.execute(AssertSqlSafe(drop_it)).await.map_err(std::io::Error::other)?;
                connection.close().await.map_err(std::io::Error::other)
            })
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            tracing::error!("a test's database is left behind");
        }
    }
}
