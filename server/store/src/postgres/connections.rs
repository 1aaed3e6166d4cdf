//! The connections to the database. Those that short uses take are handed from one to the next: the pool beneath tries
//! each one that comes back, which under load is a round trip for nothing.

use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use basalt_core::{Code, Error, Result};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Executor as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{gone, is_lost, map};

/// For how long somebody waits for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// A connection that was idle for longer is tried before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// After so long a connection goes back to the pool, which ends those that are old.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// Statements of committers and of gathered reads find rows by keys that are given, so that no other plan is ever
/// better, and a table that has grown meanwhile is not read whole by a plan that was made when it was small.
const POINT_PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                           SET enable_hashjoin = off; SET enable_mergejoin = off";

pub(crate) struct Connections {
    pool: PgPool,
    /// One for each that short uses may have at once.
    permits: Arc<Semaphore>,
    kept: Mutex<Kept>,
    /// Whether the last new connection could not be made.
    unreachable: AtomicBool,
}

#[derive(Default)]
struct Kept {
    idle: Vec<Idle>,
    closed: bool,
}

struct Idle {
    connection: PoolConnection<sqlx::Postgres>,
    /// From the pool.
    taken: Instant,
    since: Instant,
}

/// A connection in use. One that is dropped, because its use failed or was given up, is tried by the pool before anybody
/// has it again; [`Connections::give_back`] hands it on as it is.
pub(crate) struct Held {
    connection: PoolConnection<sqlx::Postgres>,
    taken: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// `for_themselves` have a connection each, for as long as they live.
    pub(crate) fn new(pool: PgPool, for_themselves: u32) -> Self {
        let shared = pool.options().get_max_connections().saturating_sub(for_themselves).max(1);
        let permits = Arc::new(Semaphore::new(usize::try_from(shared).unwrap_or(1)));
        Self { pool, permits, kept: Mutex::default(), unreachable: AtomicBool::new(false) }
    }

    /// How many connections may have broken at once.
    pub(crate) fn count(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) async fn acquire(&self) -> Result<Held> {
        let asked = Instant::now();
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| self.timed_out())?.map_err(|_| closed())?;
        if self.unreachable.load(Ordering::Relaxed) && asked.elapsed() > PATIENCE / 2 {
            // The one before has waited in vain for all who stand here.
            return Err(self.timed_out());
        }
        while let Some(Idle { mut connection, taken, since }) = self.take_idle() {
            // Under load a round trip for nothing; after a pause the connection may be gone.
            if since.elapsed() < TRUSTED_IDLE || connection.ping().await.is_ok() {
                return Ok(Held { connection, taken, _permit: permit });
            }
            connection.close_on_drop();
        }
        let connection = self.pooled().await?;
        Ok(Held { connection, taken: Instant::now(), _permit: permit })
    }

    /// Hands a connection on whose use has come to its end.
    pub(crate) fn give_back(&self, held: Held) {
        let Held { connection, taken, _permit } = held;
        let mut kept = self.kept();
        if !kept.closed && taken.elapsed() < KEPT_FOR {
            kept.idle.push(Idle { connection, taken, since: Instant::now() });
        }
    }

    /// A connection for one who keeps it, to find rows by their keys.
    pub(crate) async fn for_points(&self) -> Result<PoolConnection<sqlx::Postgres>> {
        let mut broken = 0;
        loop {
            let mut connection = self.pooled().await?;
            // What is set here goes with the connection.
            connection.close_on_drop();
            match connection.execute(POINT_PLANS).await {
                Ok(_) => return Ok(connection),
                // It broke while it was idle, perhaps with all others.
                Err(error) if is_lost(&error) && broken < self.count() => broken += 1,
                Err(error) => return Err(map(&error)),
            }
        }
    }

    async fn pooled(&self) -> Result<PoolConnection<sqlx::Postgres>> {
        let acquired = self.pool.acquire().await;
        self.unreachable.store(acquired.is_err(), Ordering::Relaxed);
        acquired.map_err(|error| match error {
            // There is one for each who asks, so it waited for a new one: nobody answers there.
            sqlx::Error::PoolTimedOut => gone(&error),
            error => map(&error),
        })
    }

    fn timed_out(&self) -> Error {
        let error = sqlx::Error::PoolTimedOut;
        if self.unreachable.load(Ordering::Relaxed) { gone(&error) } else { map(&error) }
    }

    pub(crate) async fn close(&self) {
        let idle = {
            let mut kept = self.kept();
            kept.closed = true;
            std::mem::take(&mut kept.idle)
        };
        drop(idle);
        self.pool.close().await;
    }

    fn take_idle(&self) -> Option<Idle> {
        self.kept().idle.pop()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Ends the connection: it is broken, or has a state that nobody else should have.
    pub(crate) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

pub(crate) async fn connect(options: PgConnectOptions, max_connections: u32) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, usage| {
            Box::pin(async move {
                if usage.idle_for >= TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options);
    pool.await.map_err(|error| map(&error))
}

pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Error::new(Code::Unavailable, "The database's URL can't be read.").caused_by(error))?;
    Ok(options.application_name("basalt").statement_cache_capacity(512).options([
        ("lock_timeout", "2s"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("jit", "off"),
        // As on disks without arms: where a new table has no statistics yet, an index in the wanted order is taken.
        ("random_page_cost", "1.1"),
        ("timezone", "UTC"),
    ]))
}

pub(crate) fn closed() -> Error {
    Error::new(Code::Unavailable, "The store is closed.")
}
