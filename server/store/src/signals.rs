//! What nodes on one database tell each other and nobody keeps: rows that live for seconds, and a NOTIFY.

use std::sync::Arc;

use basalt_core::{Error, Result};
use tokio::sync::watch;

use crate::driver::Driver;
use crate::sql::{Row, SqlValue, Statement};
use crate::store::{Inner, Store};

/// Rows of one reading.
const MOST: i64 = 500;
/// How long a row is kept.
const KEPT_SECONDS: u32 = 15;

/// The way between nodes; cheap to clone.
#[derive(Clone)]
pub struct Signals(Arc<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Who sent it.
    pub node: String,
    pub body: String,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub signals: Vec<Signal>,
    /// To be read from next.
    pub place: i64,
    /// Some were there and are gone, unread.
    pub missed: bool,
    /// There are more to be read.
    pub more: bool,
}

impl Store {
    /// `None` where there can be no other node.
    pub fn signals(&self) -> Option<Signals> {
        match &self.inner.driver {
            Driver::Sqlite(_) => None,
            Driver::Postgres(_) => Some(Signals(Arc::clone(&self.inner))),
        }
    }
}

impl Signals {
    pub async fn send(&self, node: &str, body: String) -> Result<()> {
        let values = vec![node.into(), body.into()];
        let statement = Statement { sql: "SELECT basalt_signal($1, $2)".to_owned(), values };
        self.0.driver.write(vec![statement]).await.map(drop)
    }

    /// The place after all that was sent until now.
    pub async fn end(&self) -> Result<i64> {
        let rows = self.0.driver.read_one("SELECT COALESCE(max(seq), 0) FROM signals", Vec::new()).await?;
        Ok(int(rows.first(), 0))
    }

    /// What others than `node` sent after this place.
    pub async fn read(&self, node: &str, place: i64) -> Result<Heard> {
        let signals = "SELECT seq, node, body FROM signals WHERE seq > $1 AND node <> $2 ORDER BY seq LIMIT $3";
        let ends = "SELECT COALESCE(min(seq), 0), COALESCE(max(seq), 0) FROM signals";
        let statements = vec![
            Statement { sql: signals.to_owned(), values: vec![place.into(), node.into(), MOST.into()] },
            Statement { sql: ends.to_owned(), values: Vec::new() },
        ];
        let mut answers = self.0.driver.read(statements).await?.into_iter();
        let (rows, ends) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());
        let (first, last) = (int(ends.first(), 0), int(ends.first(), 1));
        if last == 0 {
            return Ok(Heard { place, ..Heard::default() });
        }
        if last < place {
            // A crash emptied the table, and its numbers began anew.
            return Ok(Heard { place: 0, missed: true, more: true, ..Heard::default() });
        }
        let more = i64::try_from(rows.len()).is_ok_and(|count| count == MOST);
        let next = if more { int(rows.last(), 0) } else { last };
        let signals = rows.into_iter().map(signal).collect::<Result<_>>()?;
        Ok(Heard { signals, place: next, missed: first > place + 1, more })
    }

    /// Removes what everybody has had the time to read.
    pub async fn trim(&self) -> Result<()> {
        let sql = format!("DELETE FROM signals WHERE at < clock_timestamp() - interval '{KEPT_SECONDS} seconds'");
        self.0.driver.write(vec![Statement { sql, values: Vec::new() }]).await.map(drop)
    }

    /// A hint that there is something to read.
    pub fn hints(&self) -> watch::Receiver<u64> {
        self.0.shared.signals.subscribe()
    }
}

fn int(row: Option<&Row>, column: usize) -> i64 {
    row.and_then(|row| row.get(column)).and_then(SqlValue::as_int).unwrap_or(0)
}

fn signal(mut row: Row) -> Result<Signal> {
    match (row.pop(), row.pop()) {
        (Some(SqlValue::Text(body)), Some(SqlValue::Text(node))) => Ok(Signal { node, body }),
        _ => Err(Error::internal("a signal is odd")),
    }
}
