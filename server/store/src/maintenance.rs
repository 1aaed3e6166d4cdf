//! What has to be done now and then, in small steps: the log is trimmed, cells that are over are swept away.

use std::sync::Weak;
use std::time::Duration;

use basalt_core::{Result, Seq, Timestamp};

use crate::driver::Driver;
use crate::sql::{Dialect, SqlValue, Statement};
use crate::store::Inner;

const EVERY: Duration = Duration::from_secs(1);
/// Rows that one step removes.
const STEP: usize = 1_000;
/// Steps of one turn, so that a busy log is kept up with and others get their turn.
const STEPS: usize = 50;

pub(crate) async fn run(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = turn(&inner).await {
            tracing::warn!(?error, "maintenance of the database stopped; it goes on in a moment");
        }
    }
}

pub(crate) async fn turn(inner: &Inner) -> Result<()> {
    let now = inner.shared.clock.now();
    let oldest = now.minus(inner.log_max_age);
    for _ in 0..STEPS {
        if !trim(&inner.driver, oldest, inner.log_max_bytes).await? {
            break;
        }
    }
    inner.shared.recent.trim(trimmed(&inner.driver).await?);
    for _ in 0..STEPS {
        if !sweep(&inner.driver, now).await? {
            break;
        }
    }
    Ok(())
}

/// Removes some of the oldest rows of the log that are too old or too many; whether there may be more.
async fn trim(driver: &Driver, oldest: Timestamp, max_bytes: u64) -> Result<bool> {
    let select = |limit: usize| {
        let sql = "SELECT c.seq, c.at, (SELECT l.total_bytes FROM changes l ORDER BY l.seq DESC LIMIT 1) - c.total_bytes \
                   FROM changes c ORDER BY c.seq LIMIT $1";
        driver.read_one(sql, vec![i64::try_from(limit).unwrap_or(i64::MAX).into()])
    };
    let max_bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
    // A row goes when it is too old, or when the rows after it fill the log already.
    let goes = |row: &crate::sql::Row| {
        let int = |n: usize| row.get(n).and_then(SqlValue::as_int).unwrap_or(i64::MAX);
        int(1) < oldest.millis() || (int(2) >= max_bytes && int(2) != i64::MAX)
    };
    if !select(1).await?.iter().any(goes) {
        return Ok(false);
    }
    let rows = select(STEP).await?;
    let last = rows.iter().take_while(|row| goes(row)).last().and_then(|row| row[0].as_int());
    let Some(last) = last else { return Ok(false) };
    driver.write(trim_to(last, driver.dialect())).await?;
    Ok(rows.last().is_some_and(goes))
}

async fn trimmed(driver: &Driver) -> Result<Seq> {
    let rows = driver.read_one("SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'trimmed'", Vec::new()).await?;
    Ok(rows.first().and_then(|row| row[0].as_int()).and_then(|seq| Seq::try_from(seq).ok()).unwrap_or(0))
}

fn trim_to(seq: i64, dialect: Dialect) -> Vec<Statement> {
    // The place moves in the transaction that removes: who reads sees both or neither.
    let place = "UPDATE meta SET value = $1 WHERE name = 'trimmed' AND CAST(value AS BIGINT) < $2";
    vec![
        Statement { sql: dialect.sql(place), values: vec![seq.to_string().into(), seq.into()] },
        Statement { sql: dialect.sql("DELETE FROM changes WHERE seq <= $1"), values: vec![seq.into()] },
    ]
}

/// Removes some cells that are over; whether there may be more.
async fn sweep(driver: &Driver, now: Timestamp) -> Result<bool> {
    let over = driver.read_one("SELECT 1 FROM cells WHERE expires_at <= $1 LIMIT 1", vec![now.millis().into()]).await?;
    if over.is_empty() {
        return Ok(false);
    }
    let sql = format!(
        "DELETE FROM cells WHERE (space, cell_key) IN (SELECT j.space, j.cell_key FROM cells j WHERE j.expires_at <= $1 \
         ORDER BY j.expires_at LIMIT {STEP} {}) AND expires_at <= $1 RETURNING 1",
        driver.dialect().skip_locked()
    );
    let statement = Statement { sql: driver.dialect().sql(&sql), values: vec![now.millis().into()] };
    let removed = driver.write(vec![statement]).await?.pop().unwrap_or_default();
    Ok(removed.len() == STEP)
}
