//! What has to be done now and then, in small steps: the log is trimmed, cells that are over are swept away.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use basalt_core::{Error, Result, Seq, Timestamp};

use crate::driver::Driver;
use crate::readers::{self, DurableReader};
use crate::sql::{Dialect, Row, SqlValue, Statement};
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
    let mut retention = Retention::new(inner, now).await?;
    for _ in 0..STEPS {
        if !trim(&inner.driver, &mut retention).await? {
            break;
        }
    }
    let gone = trimmed(&inner.driver).await?;
    inner.shared.recent.trim(gone);
    inner.shared.trimmed.fetch_max(gone, Ordering::AcqRel);
    for _ in 0..STEPS {
        if !sweep(&inner.driver, now).await? {
            break;
        }
    }
    Ok(())
}

/// How much of the log is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// What is older goes, once its readers have read it.
    pub max_age: Duration,
    /// What is over this goes, once its readers have read it.
    pub max_bytes: u64,
    /// What is over this goes, whoever has not read it yet.
    pub hard_max_bytes: u64,
    /// A reader from outside that was not moved for so long is not waited for.
    pub reader_idle: Duration,
}

/// What this turn may remove.
struct Retention {
    now: Timestamp,
    oldest: Timestamp,
    max_bytes: i64,
    hard_max_bytes: i64,
    /// Those that the log waits for.
    readers: Vec<DurableReader>,
}

impl Retention {
    async fn new(inner: &Inner, now: Timestamp) -> Result<Self> {
        let limits = inner.log_limits;
        let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut readers = readers::all(&inner.driver).await?;
        readers.retain(|reader| reader.holds(&inner.log_id, now, limits.reader_idle));
        Ok(Self {
            now,
            oldest: now.minus(limits.max_age),
            max_bytes: bytes(limits.max_bytes),
            hard_max_bytes: bytes(limits.hard_max_bytes.max(limits.max_bytes)),
            readers,
        })
    }

    /// Whether a row goes: it is too old, or the rows after it fill the log already, and all have read it; or the log
    /// is fuller than it may ever be.
    fn goes(&self, row: &Row) -> bool {
        let int = |n: usize| row.get(n).and_then(SqlValue::as_int);
        let (Some(seq), Some(at), Some(after)) = (int(0), int(1), int(2)) else { return false };
        let is_read = self.readers.iter().all(|reader| i64::try_from(reader.seq).is_ok_and(|place| place >= seq));
        after >= self.hard_max_bytes || (is_read && (at < self.oldest.millis() || after >= self.max_bytes))
    }
}

/// Removes some of the oldest rows of the log that are too old or too many; whether there may be more.
async fn trim(driver: &Driver, retention: &mut Retention) -> Result<bool> {
    let select = |limit: usize| {
        let sql = "SELECT c.seq, c.at, (SELECT l.total_bytes FROM changes l ORDER BY l.seq DESC LIMIT 1) - c.total_bytes \
                   FROM changes c ORDER BY c.seq LIMIT $1";
        driver.read_one(sql, vec![i64::try_from(limit).unwrap_or(i64::MAX).into()])
    };
    if !select(1).await?.iter().any(|row| retention.goes(row)) {
        return Ok(false);
    }
    let rows = select(STEP).await?;
    let last = rows.iter().take_while(|row| retention.goes(row)).last().and_then(|row| row[0].as_int());
    let Some(last) = last else { return Ok(false) };
    let more = rows.last().is_some_and(|row| retention.goes(row));
    let place = Seq::try_from(last).map_err(Error::internal)?;
    for reader in retention.readers.extract_if(.., |reader| reader.seq < place) {
        readers::give_up(driver, &reader, place, retention.now).await?;
    }
    driver.write(trim_to(last, driver.dialect())).await?;
    Ok(more)
}

async fn trimmed(driver: &Driver) -> Result<Seq> {
    let rows = driver.read_one("SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'trimmed'", Vec::new()).await?;
    Ok(rows.first().and_then(|row| row[0].as_int()).and_then(|seq| Seq::try_from(seq).ok()).unwrap_or(0))
}

fn trim_to(seq: i64, dialect: Dialect) -> Vec<Statement> {
    // The place moves in the transaction that removes: who reads sees both or neither. Of several nodes one has the
    // place at a time; where another has it the place stays, and nothing is removed.
    let place = format!(
        "UPDATE meta SET value = $1 WHERE name IN (SELECT j.name FROM meta j WHERE j.name = 'trimmed' AND \
         CAST(j.value AS BIGINT) < $2 {})",
        dialect.skip_locked()
    );
    let remove = "DELETE FROM changes WHERE seq <= (SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'trimmed')";
    vec![
        Statement { sql: dialect.sql(&place), values: vec![seq.to_string().into(), seq.into()] },
        Statement { sql: remove.to_owned(), values: Vec::new() },
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
