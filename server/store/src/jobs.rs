//! The durable queue: jobs are enqueued in the batch that causes them ([`crate::NewJob`]), claimed under a lease and
//! completed with its token.

use std::time::Duration;

use basalt_core::{Error, Result, Timestamp};
use serde_json::Value;

use crate::driver::Driver;
use crate::sql::{Row, SqlValue, Statement};

/// Jobs that are claimed or completed at once.
const BATCH: u32 = 100;

/// A claimed job. `token` fences: once the lease is over and another claimed it, completing with the old token is
/// refused.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: i64,
    pub kind: String,
    pub payload: Value,
    /// 1 on the first try.
    pub attempt: u32,
    pub token: i64,
    pub enqueued_at: Timestamp,
}

pub(crate) async fn claim(
    driver: &Driver,
    kinds: &[&str],
    limit: u32,
    lease: Duration,
    now: Timestamp,
) -> Result<Vec<Job>> {
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = driver.dialect();
    let clock = dialect.lease_clock("$1");
    let placeholders: Vec<String> = (0..kinds.len()).map(|n| format!("${}", n + 4)).collect();
    // The head of an order is open whether it is due, leased or waits for its next try: what follows it waits, too.
    let sql = format!(
        "UPDATE jobs SET attempt = attempt + 1, token = token + 1, lease_until = {clock} + $2 WHERE id IN \
         (SELECT j.id FROM jobs j WHERE j.kind IN ({}) AND j.run_at <= $1 AND j.lease_until <= {clock} AND \
         (j.order_key IS NULL OR NOT EXISTS (SELECT 1 FROM jobs o WHERE o.order_key = j.order_key AND o.id < j.id)) \
         ORDER BY j.run_at, j.id LIMIT $3 {}) RETURNING id, kind, payload, attempt, token, enqueued_at",
        placeholders.join(", "),
        dialect.skip_locked()
    );
    let mut values: Vec<SqlValue> = vec![
        now.millis().into(),
        i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2).into(),
        i64::from(limit.min(BATCH)).into(),
    ];
    values.extend(kinds.iter().map(|kind| SqlValue::from(*kind)));
    let rows = driver.write(vec![Statement { sql: dialect.sql(&sql), values }]).await?.pop().unwrap_or_default();
    let mut jobs = rows.iter().map(job).collect::<Result<Vec<_>>>()?;
    jobs.sort_by_key(|job| job.id);
    Ok(jobs)
}

fn job(row: &Row) -> Result<Job> {
    let odd = || Error::internal("a row of the job queue is odd");
    let int = |n: usize| row.get(n).and_then(SqlValue::as_int).ok_or_else(odd);
    let text = |n: usize| row.get(n).and_then(SqlValue::as_text).ok_or_else(odd);
    Ok(Job {
        id: int(0)?,
        kind: text(1)?.to_owned(),
        payload: serde_json::from_str(text(2)?).map_err(Error::internal)?,
        attempt: u32::try_from(int(3)?).unwrap_or(u32::MAX),
        token: int(4)?,
        enqueued_at: Timestamp::from_millis(int(5)?),
    })
}

pub(crate) async fn complete(driver: &Driver, done: &[Job]) -> Result<Vec<i64>> {
    let mut left: Vec<i64> = Vec::new();
    for jobs in done.chunks(BATCH as usize) {
        let pairs: Vec<String> =
            (0..jobs.len()).map(|n| format!("(id = ${} AND token = ${})", 2 * n + 1, 2 * n + 2)).collect();
        let sql = driver.dialect().sql(&format!("DELETE FROM jobs WHERE {} RETURNING id", pairs.join(" OR ")));
        let values = jobs.iter().flat_map(|job| [job.id.into(), job.token.into()]).collect();
        let rows = driver.write(vec![Statement { sql, values }]).await?.pop().unwrap_or_default();
        let removed: Vec<i64> = rows.iter().filter_map(|row| row[0].as_int()).collect();
        left.extend(jobs.iter().map(|job| job.id).filter(|id| !removed.contains(id)));
    }
    Ok(left)
}

/// Holds a job for `lease` from now on; `false`: the token no longer holds.
pub(crate) async fn renew(driver: &Driver, job: &Job, lease: Duration, now: Timestamp) -> Result<bool> {
    const NOW: &str = "$4";
    let clock = driver.dialect().lease_clock(NOW);
    let sql = format!("UPDATE jobs SET lease_until = {clock} + $1 WHERE id = $2 AND token = $3 RETURNING id");
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2);
    let mut values: Vec<SqlValue> = vec![lease.into(), job.id.into(), job.token.into()];
    if clock == NOW {
        values.push(now.millis().into());
    }
    let statement = Statement { sql: driver.dialect().sql(&sql), values };
    Ok(driver.write(vec![statement]).await?.pop().is_some_and(|rows| !rows.is_empty()))
}

pub(crate) async fn retry(driver: &Driver, job: &Job, run_at: Timestamp, error: &str) -> Result<bool> {
    let sql = "UPDATE jobs SET run_at = $1, lease_until = 0, last_error = $2 WHERE id = $3 AND token = $4 RETURNING id";
    let values = vec![run_at.millis().into(), error.into(), job.id.into(), job.token.into()];
    let statement = Statement { sql: driver.dialect().sql(sql), values };
    Ok(driver.write(vec![statement]).await?.pop().is_some_and(|rows| !rows.is_empty()))
}
