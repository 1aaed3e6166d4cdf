//! The durable queue: jobs are enqueued in the batch that causes them ([`crate::NewJob`]), claimed under a lease and
//! settled with its token.
//!
//! Each kind is a lane of its own: a claim reads the open jobs of one kind in the order of their time, and no others.
//! What waits behind another job of its order is not among them; the database lets it through when that one ends.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Error, Result, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use crate::driver::Then;
use crate::sql::{Dialect, Row, SqlValue, Statement};
use crate::store::Store;

/// Jobs of a kind that are claimed at once, and jobs that one statement settles.
const BATCH: u32 = 100;
/// Kinds that one claim takes from; the others are there the next time.
const KINDS: usize = 64;

/// A claimed job. `token` fences: once the lease is over and another claimed it, settling with the old token is
/// refused.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: i64,
    pub kind: String,
    pub key: Option<String>,
    pub order_key: Option<String>,
    pub payload: Value,
    /// 1 on the first try.
    pub attempt: u32,
    pub token: i64,
    pub enqueued_at: Timestamp,
}

/// A job to be tried again.
#[derive(Clone, Debug)]
pub struct Again {
    pub job: Arc<Job>,
    pub at: Timestamp,
    pub error: String,
}

/// The jobs of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    pub kind: String,
    pub jobs: u64,
}

/// How many jobs of a kind are wanted; asked once for each kind that has due ones, in their order.
pub type Wanted = Box<dyn FnMut(&str) -> u32 + Send>;

impl Store {
    /// Claims due jobs of whatever kinds there are, for `lease`: as many as are wanted, at most 100 of each.
    pub async fn claim_due(&self, wanted: Wanted, lease: Duration) -> Result<Vec<Job>> {
        let now = self.inner.shared.clock.now();
        let dialect = self.inner.driver.dialect();
        let wanted = std::sync::Mutex::new(wanted);
        let then: Then = Arc::new(move |answers: &[Vec<Row>]| {
            let mut wanted = wanted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let kinds = answers.first().into_iter().flatten().filter_map(|row| row.first()?.as_text());
            let limits = kinds.map(|kind| (kind, wanted(kind))).filter(|(_, limit)| *limit > 0).take(KINDS);
            Ok(limits.map(|(kind, limit)| claim(dialect, kind, limit, lease, now)).collect())
        });
        jobs(&self.inner.driver.write_then(vec![due_kinds(dialect, now)], then).await?)
    }

    /// Claims due jobs of these kinds for `lease`, at most `limit` (and 100) of each.
    pub async fn claim_jobs(&self, kinds: &[&str], limit: u32, lease: Duration) -> Result<Vec<Job>> {
        let (now, dialect) = (self.inner.shared.clock.now(), self.inner.driver.dialect());
        let claims: Vec<Statement> = kinds.iter().map(|kind| claim(dialect, kind, limit, lease, now)).collect();
        let then: Then = Arc::new(move |_: &[Vec<Row>]| Ok(claims.clone()));
        jobs(&self.inner.driver.write_then(Vec::new(), then).await?)
    }

    /// Holds jobs for `lease` from now on; those whose token no longer holds are returned.
    pub async fn renew_jobs(&self, held: &[Arc<Job>], lease: Duration) -> Result<Vec<i64>> {
        let (now, dialect) = (self.inner.shared.clock.now(), self.inner.driver.dialect());
        let statements = held.chunks(BATCH as usize).map(|jobs| renew(dialect, jobs, lease, now)).collect();
        Ok(left(held, &self.inner.driver.write_soon(statements).await?))
    }

    /// Removes what is done, and puts back what is to be tried again; those whose token no longer holds are left and
    /// returned. In a power loss jobs may come back: they are done at least once.
    pub async fn settle_jobs(&self, done: &[Arc<Job>], again: &[Again]) -> Result<Vec<i64>> {
        let dialect = self.inner.driver.dialect();
        let mut statements: Vec<Statement> = done.chunks(BATCH as usize).map(|jobs| remove(dialect, jobs)).collect();
        statements.extend(again.iter().map(|again| put_back(dialect, again)));
        let rows = self.inner.driver.write_soon(statements).await?;
        let all: Vec<Arc<Job>> = done.iter().chain(again.iter().map(|again| &again.job)).cloned().collect();
        Ok(left(&all, &rows))
    }

    /// Removes an open job that nobody is at. `false`: there is none.
    pub async fn cancel_job(&self, kind: &str, key: &str) -> Result<bool> {
        const NOW: &str = "$3";
        let dialect = self.inner.driver.dialect();
        let clock = dialect.lease_clock(NOW);
        let sql = format!("DELETE FROM jobs WHERE kind = $1 AND job_key = $2 AND lease_until <= {clock} RETURNING id");
        let mut values: Vec<SqlValue> = vec![kind.into(), key.into()];
        if clock == NOW {
            values.push(self.inner.shared.clock.now().millis().into());
        }
        let statement = Statement { sql: dialect.sql(&sql), values };
        Ok(self.inner.driver.write(vec![statement]).await?.pop().is_some_and(|rows| !rows.is_empty()))
    }

    /// How long each queue is; reads all of the queue's index.
    pub async fn queues(&self) -> Result<Vec<Queue>> {
        let sql = "SELECT kind, count(*) FROM jobs GROUP BY kind ORDER BY kind".to_owned();
        let rows = self.inner.driver.read_long(Statement { sql, values: Vec::new() }).await?;
        let queue = |row: &Row| {
            let jobs = row.get(1)?.as_int().and_then(|count| u64::try_from(count).ok())?;
            Some(Queue { kind: row.first()?.as_text()?.to_owned(), jobs })
        };
        Ok(rows.iter().filter_map(queue).collect())
    }

    /// A hint that something was enqueued, here or on another node; counts up.
    pub fn job_hints(&self) -> watch::Receiver<u64> {
        self.inner.shared.jobs.subscribe()
    }
}

/// The kinds that have due jobs which nobody is at, one look into the index for each.
fn due_kinds(dialect: Dialect, now: Timestamp) -> Statement {
    let clock = dialect.lease_clock("$1");
    let sql = format!(
        "WITH RECURSIVE kinds (kind) AS (SELECT (SELECT kind FROM jobs WHERE waits = 0 ORDER BY kind LIMIT 1) \
         UNION ALL SELECT (SELECT j.kind FROM jobs j WHERE j.waits = 0 AND j.kind > k.kind ORDER BY j.kind LIMIT 1) \
         FROM kinds k WHERE k.kind IS NOT NULL) \
         SELECT k.kind FROM kinds k WHERE k.kind IS NOT NULL AND EXISTS (SELECT 1 FROM jobs j WHERE j.waits = 0 AND \
         j.kind = k.kind AND j.run_at <= $1 AND j.lease_until <= {clock})"
    );
    Statement { sql: dialect.sql(&sql), values: vec![now.millis().into()] }
}

fn claim(dialect: Dialect, kind: &str, limit: u32, lease: Duration, now: Timestamp) -> Statement {
    let clock = dialect.lease_clock("$1");
    let sql = format!(
        "UPDATE jobs SET attempt = attempt + 1, token = token + 1, lease_until = {clock} + $2 WHERE id IN \
         (SELECT j.id FROM jobs j WHERE j.kind = $4 AND j.waits = 0 AND j.run_at <= $1 AND j.lease_until <= {clock} \
         ORDER BY j.run_at, j.id LIMIT $3 {}) \
         RETURNING id, kind, job_key, order_key, payload, attempt, token, enqueued_at",
        dialect.skip_locked()
    );
    let values = vec![now.millis().into(), millis(lease).into(), i64::from(limit.min(BATCH)).into(), kind.into()];
    Statement { sql: dialect.sql(&sql), values }
}

fn renew(dialect: Dialect, jobs: &[Arc<Job>], lease: Duration, now: Timestamp) -> Statement {
    let clock = dialect.lease_clock("$2");
    let mut values: Vec<SqlValue> = vec![millis(lease).into()];
    if clock == "$2" {
        values.push(now.millis().into());
    }
    let those = those(jobs, &mut values);
    let sql = format!("UPDATE jobs SET lease_until = {clock} + $1 WHERE {those} RETURNING id, token");
    Statement { sql: dialect.sql(&sql), values }
}

fn remove(dialect: Dialect, jobs: &[Arc<Job>]) -> Statement {
    let mut values = Vec::new();
    let sql = format!("DELETE FROM jobs WHERE {} RETURNING id, token", those(jobs, &mut values));
    Statement { sql: dialect.sql(&sql), values }
}

fn put_back(dialect: Dialect, again: &Again) -> Statement {
    let sql = "UPDATE jobs SET run_at = $1, lease_until = 0, last_error = $2 WHERE id = $3 AND token = $4 RETURNING id, token";
    let Again { job, at, error } = again;
    let values = vec![at.millis().into(), error.as_str().into(), job.id.into(), job.token.into()];
    Statement { sql: dialect.sql(sql), values }
}

/// The condition that is true of these jobs, while their tokens hold.
fn those(jobs: &[Arc<Job>], values: &mut Vec<SqlValue>) -> String {
    let mut pairs = Vec::with_capacity(jobs.len());
    for job in jobs {
        let n = values.len();
        values.extend([job.id.into(), job.token.into()]);
        pairs.push(format!("(id = ${} AND token = ${})", n + 1, n + 2));
    }
    pairs.join(" OR ")
}

/// Of these jobs those that no row tells of.
fn left(all: &[Arc<Job>], answers: &[Vec<Row>]) -> Vec<i64> {
    let pair = |row: &Row| Some((row.first()?.as_int()?, row.get(1)?.as_int()?));
    let touched: std::collections::HashSet<(i64, i64)> = answers.iter().flatten().filter_map(pair).collect();
    all.iter().filter(|job| !touched.contains(&(job.id, job.token))).map(|job| job.id).collect()
}

fn millis(lease: Duration) -> i64 {
    i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2)
}

fn jobs(answers: &[Vec<Row>]) -> Result<Vec<Job>> {
    let mut jobs = answers.iter().flatten().map(job).collect::<Result<Vec<_>>>()?;
    jobs.sort_by_key(|job| job.id);
    Ok(jobs)
}

fn job(row: &Row) -> Result<Job> {
    let odd = || Error::internal("a row of the job queue is odd");
    let int = |n: usize| row.get(n).and_then(SqlValue::as_int).ok_or_else(odd);
    let text = |n: usize| row.get(n).and_then(SqlValue::as_text);
    Ok(Job {
        id: int(0)?,
        kind: text(1).ok_or_else(odd)?.to_owned(),
        key: text(2).map(str::to_owned),
        order_key: text(3).map(str::to_owned),
        payload: serde_json::from_str(text(4).ok_or_else(odd)?).map_err(Error::internal)?,
        attempt: u32::try_from(int(5)?).unwrap_or(u32::MAX),
        token: int(6)?,
        enqueued_at: Timestamp::from_millis(int(7)?),
    })
}
