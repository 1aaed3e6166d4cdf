//! The optimistic committer: groups are read and decided on without a lock, and committed by one call that checks that
//! all that was read still holds. Where it doesn't, the group is decided anew, in the end under the lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use basalt_core::change::Body;
use basalt_core::{Code, Error, Result, Seq};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};
use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, Notify, mpsc};

use super::error::{is_contention, is_lost, map};
use super::settle::{Batch, Decided, Lock, decide};
use super::write::{Call, Outcome, Ticket};
use super::{Core, lock};
use crate::catalog::stale::is_schema_changed;
use crate::commit::{Attempt, GROUP_BATCHES, Rings, is_of_one_batch};
use crate::decide::Committed;
use crate::shared::Loss;

/// While a group is under way the next gathers, for so long at most: one that is slow holds up nobody.
const GATHER_TIME: Duration = Duration::from_millis(4);
/// So many batches begin beside one group: they are read and decided while the database is at that one's commit.
const BESIDE_BATCHES: usize = 14;
/// After a conflict so many groups begin alone: what would be decided beside another is likely to be decided twice.
const WARY_GROUPS: usize = 16;
/// Tries with it: what can still come between are cells that come and go, and the catalog.
const LOCKED_TRIES: usize = 5;
/// Batches alone that may take too long before the others aren't tried any more: then it is the database that is slow.
const SLOW_BATCHES: usize = 3;

pub(crate) type Queue = Arc<Mutex<mpsc::Receiver<Box<dyn Attempt>>>>;

/// Why a group was not committed.
struct Failure {
    error: Error,
    /// The batches it was sent with, from the front; `None`: nothing was sent.
    sent: Option<usize>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, sent: None }
    }
}

/// How a try ended that ended well.
enum Tried {
    /// With the group's first place in the log.
    Done(Box<Decided>, Seq),
    Again,
    NeedsLock,
}

/// Serves the queue until it closes, whatever happens to a single committer.
#[expect(clippy::disallowed_methods, reason = "awaited right here: it is a task so that a panic ends it alone")]
pub(crate) async fn supervise(core: Arc<Core>, queue: Queue) {
    while tokio::spawn(serve(Arc::clone(&core), Arc::clone(&queue))).await.is_err() {
        tracing::error!("a committer panicked; another takes its place");
    }
}

async fn serve(core: Arc<Core>, queue: Queue) {
    let mut committer = Committer { core: Arc::clone(&core), connection: None };
    while let Some(mut batches) = gather(&core.groups, &queue).await {
        let _under_way = UnderWay::enter(&core.groups);
        while !batches.is_empty() {
            committer.group(&mut batches).await;
        }
    }
}

/// Groups under way.
#[derive(Default)]
pub(crate) struct Groups {
    count: AtomicUsize,
    ended: Notify,
    /// Groups that have yet to begin alone.
    wary: AtomicUsize,
}

impl Groups {
    pub(super) fn are_under_way(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Until one that is under way now has ended.
    pub(super) fn ended(&self) -> Notified<'_> {
        self.ended.notified()
    }

    fn conflicted(&self) {
        self.wary.store(WARY_GROUPS, Ordering::Relaxed);
    }

    /// Whether a group of so many batches begins beside those under way.
    fn may_begin(&self, batches: usize) -> bool {
        match self.count.load(Ordering::SeqCst) {
            0 => true,
            1 => batches >= BESIDE_BATCHES && self.wary.load(Ordering::Relaxed) == 0,
            _ => false,
        }
    }
}

/// A group, counted while it lives.
struct UnderWay<'a>(&'a Groups);

impl<'a> UnderWay<'a> {
    fn enter(groups: &'a Groups) -> Self {
        groups.count.fetch_add(1, Ordering::SeqCst);
        // That it fails at 0 is meant.
        let _ = groups.wary.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |wary| wary.checked_sub(1));
        Self(groups)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
    }
}

/// The batches of the next group, of which there is one at least. Few large groups cost less than many small ones, and
/// are less in one another's way. `None` when the queue has closed.
async fn gather(groups: &Groups, queue: &Queue) -> Option<VecDeque<Batch>> {
    let mut queue = queue.lock().await;
    let mut batches = VecDeque::from([Batch::new(queue.recv().await?)]);
    let until = tokio::time::Instant::now() + GATHER_TIME;
    loop {
        let ended = groups.ended.notified();
        if groups.may_begin(batches.len()) {
            break;
        }
        tokio::select! {
            () = ended => {}
            () = tokio::time::sleep_until(until) => break,
            Some(next) = queue.recv(), if batches.len() < GROUP_BATCHES => batches.push_back(Batch::new(next)),
        }
    }
    while batches.len() < GROUP_BATCHES
        && let Ok(next) = queue.try_recv()
    {
        batches.push_back(Batch::new(next));
    }
    Some(batches)
}

/// One of those who take groups from the queue.
struct Committer {
    core: Arc<Core>,
    /// Kept from group to group.
    connection: Option<PoolConnection<sqlx::Postgres>>,
}

impl Committer {
    /// Commits a group from the front of the batches and answers it; where it failed, with the error that it answers.
    async fn group(&mut self, batches: &mut VecDeque<Batch>) -> Option<Code> {
        let Failure { error, sent } = match self.tries(batches).await {
            Ok((mut decided, first)) => {
                let changes = std::mem::take(&mut decided.group.changes);
                let documents: Vec<Option<Body>> = changes.iter().map(|change| change.after.clone()).collect();
                if !changes.is_empty() {
                    let last = first + changes.len() as Seq - 1;
                    self.core.own.put(first, changes);
                    self.core.shared.reached(last);
                }
                if !decided.group.jobs.is_empty() {
                    self.core.shared.enqueued();
                }
                let mut rings = Rings::default();
                for batch in batches.drain(..decided.taken) {
                    let verdict = batch.verdict.unwrap_or_else(|| Err(Error::internal("a batch without a verdict")));
                    batch.attempt.answer(verdict.map(|range| Committed::new(first, range, &documents)), &mut rings);
                }
                return None;
            }
            Err(failure) => failure,
        };
        // What was not sent has not failed: it goes with the next group.
        let failed: Vec<Batch> = batches.drain(..sent.unwrap_or(batches.len()).min(batches.len())).collect();
        let code = error.code();
        if is_of_one_batch(&error) && failed.len() > 1 {
            Box::pin(self.each_alone(failed, &error)).await;
        } else {
            let mut rings = Rings::default();
            for batch in failed {
                batch.attempt.answer(Err(error.clone()), &mut rings);
            }
        }
        Some(code)
    }

    /// One batch of the group broke it: the others shall not suffer.
    async fn each_alone(&mut self, batches: Vec<Batch>, error: &Error) {
        let mut slow = 0;
        for batch in batches {
            if slow >= SLOW_BATCHES {
                batch.attempt.answer(Err(error.clone()), &mut Rings::default());
            } else if self.group(&mut VecDeque::from([batch])).await == Some(Code::Timeout) {
                slow += 1;
            }
        }
    }

    async fn tries(&mut self, batches: &mut VecDeque<Batch>) -> Result<(Box<Decided>, Seq), Failure> {
        for _ in 0..self.core.shared.hooks.optimistic_tries {
            match self.optimistic(batches).await? {
                Tried::Done(decided, first) => return Ok((decided, first)),
                Tried::Again => {}
                Tried::NeedsLock => break,
            }
        }
        self.core.locked_groups.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("basalt_commits_locked_total").increment(1);
        for _ in 0..LOCKED_TRIES {
            if let Tried::Done(decided, first) = self.locked(batches).await? {
                return Ok((decided, first));
            }
        }
        let detail = "Too many write the same things at once.";
        Err(Error::new(Code::Overloaded, detail).retry_after(Duration::from_secs(1)).into())
    }

    async fn optimistic(&mut self, batches: &mut VecDeque<Batch>) -> Result<Tried, Failure> {
        let (mut connection, decided) = self.read_and_decide(batches).await?;
        let Decided { group, expectations, reads, needs_lock, .. } = &*decided;
        if *needs_lock {
            self.connection = Some(connection);
            return Ok(Tried::NeedsLock);
        }
        if group.writes_nothing() && *reads <= 1 {
            self.connection = Some(connection);
            return Ok(Tried::Done(decided, 0));
        }
        let call = Call::new(group, expectations)?;
        // Only what appends to the log, or rests on documents, takes the lock.
        let lock = !group.changes.is_empty() || !expectations.of_cells_alone();
        let id = if group.writes_nothing() { String::new() } else { self.core.group_id() };
        let ticket = Ticket { group: &id, lock, expires: self.core.group_expiry() };
        let sent = match self.perhaps_lost(Loss::Request) {
            Ok(()) => call.send(&mut connection, &ticket).await,
            Err(lost) => Err(lost),
        };
        drop(call);
        let sent = sent.and_then(|outcome| self.perhaps_lost(Loss::Answer).map(|()| outcome));
        self.conclude(sent, &id, decided, connection).await
    }

    async fn read_and_decide(
        &mut self,
        batches: &mut VecDeque<Batch>,
    ) -> Result<(PoolConnection<sqlx::Postgres>, Box<Decided>)> {
        let mut broken = 0;
        loop {
            let mut connection = self.connection().await?;
            match decide(&self.core.shared, &mut connection, batches, Lock::Free).await {
                Ok(decided) => return Ok((connection, decided)),
                Err(error) if is_schema_changed(&error) && broken < self.core.connections.count() => {
                    self.connection = Some(connection);
                    self.core.refresh().await?;
                    broken += 1;
                }
                // It broke while it was idle, perhaps with all others. Nothing was written yet.
                Err(error) if error.code() == Code::Unavailable && broken < self.core.connections.count() => {
                    connection.close_on_drop();
                    broken += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn connection(&mut self) -> Result<PoolConnection<sqlx::Postgres>> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.core.connections.for_points().await,
        }
    }

    /// With the lock held from the start.
    async fn locked(&mut self, batches: &mut VecDeque<Batch>) -> Result<Tried, Failure> {
        let mut connection = self.connection().await?;
        let id = self.core.group_id();
        let (sent, decided) = self.under_lock(&mut connection, batches, &id).await?;
        self.conclude(sent, &id, decided, connection).await
    }

    /// The lock is taken in a statement of its own: one that locks and reads would read what was there before it had
    /// the lock.
    async fn under_lock(
        &self,
        connection: &mut PgConnection,
        batches: &mut VecDeque<Batch>,
        id: &str,
    ) -> Result<(sqlx::Result<Outcome>, Box<Decided>)> {
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        lock(&mut transaction).await?;
        let decided = decide(&self.core.shared, &mut transaction, batches, Lock::Held).await?;
        let ticket = Ticket { group: id, lock: true, expires: self.core.group_expiry() };
        let call = Call::new(&decided.group, &decided.expectations)?;
        let sent = call.send(&mut transaction, &ticket).await;
        let sent = match sent.and_then(|outcome| self.perhaps_lost(Loss::Request).map(|()| outcome)) {
            Ok(outcome) => transaction.commit().await.map(|()| outcome),
            Err(error) => Err(error),
        };
        let sent = sent.and_then(|outcome| self.perhaps_lost(Loss::Answer).map(|()| outcome));
        drop(call);
        Ok((sent, decided))
    }

    async fn conclude(
        &mut self,
        sent: sqlx::Result<Outcome>,
        id: &str,
        decided: Box<Decided>,
        mut connection: PoolConnection<sqlx::Postgres>,
    ) -> Result<Tried, Failure> {
        let failed = |error: Error| Failure { error, sent: Some(decided.taken) };
        if matches!(&sent, Err(error) if is_lost(error)) {
            connection.close_on_drop();
            // Before the search, which would wait for what this one may still hold.
            drop(connection);
        } else {
            self.connection = Some(connection);
        }
        match sent {
            Ok(Outcome::Committed(first)) => Ok(Tried::Done(decided, Seq::try_from(first).unwrap_or(0))),
            Ok(Outcome::Conflict(what)) => {
                metrics::counter!("basalt_commit_conflicts_total").increment(1);
                tracing::debug!(what, "a group is decided anew");
                self.core.groups.conflicted();
                Ok(Tried::Again)
            }
            Ok(Outcome::Epoch) => Ok(self.core.refresh().await.map(|()| Tried::Again)?),
            Err(error) if is_contention(&error) => Ok(Tried::Again),
            Err(error) if is_lost(&error) && !id.is_empty() => match self.search(id).await.map_err(failed)? {
                Some(first) => Ok(Tried::Done(decided, first)),
                None => Ok(Tried::Again),
            },
            Err(error) => Err(failed(map(&error))),
        }
    }

    /// What became of a group whose answer was lost. `None`: it was not committed and never will be, because its place
    /// is taken. The insert waits where the commit is still under way.
    async fn search(&self, id: &str) -> Result<Option<Seq>> {
        let deadline = Instant::now() + self.core.shared.hooks.search_time;
        loop {
            match self.look_up(id).await {
                Ok(found) => return Ok(found),
                Err(error) if Instant::now() >= deadline => {
                    let detail = "The connection was lost in the commit: it may have been made or not.";
                    return Err(Error::new(Code::OutcomeUnknown, detail)
                        .retry_after(Duration::from_secs(5))
                        .caused_by(error));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn look_up(&self, id: &str) -> sqlx::Result<Option<Seq>> {
        self.perhaps_lost(Loss::Search)?;
        let mut connection = self.core.connections.pool().acquire().await?;
        let expires = self.core.group_expiry().millis();
        let taken = sqlx::query(
            "INSERT INTO cells (space, cell_key, value, expires_at, version) VALUES ('_group', $1, 'null', $2, \
             nextval('basalt_cell_versions')) ON CONFLICT (space, cell_key) DO NOTHING RETURNING version",
        );
        if taken.bind(id).bind(expires).fetch_optional(&mut *connection).await?.is_some() {
            return Ok(None);
        }
        let row = sqlx::query("SELECT value FROM cells WHERE space = '_group' AND cell_key = $1").bind(id);
        let value: String = row.fetch_one(&mut *connection).await?.try_get(0)?;
        // A search before this one, whose answer was lost in turn, may have given the group up.
        Ok(value.parse().ok())
    }

    /// Where a test has it so, the connection is lost.
    fn perhaps_lost(&self, what: Loss) -> sqlx::Result<()> {
        match &self.core.shared.hooks.lose {
            Some(lose) if lose(what) => Err(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())),
            _ => Ok(()),
        }
    }
}
