//! Durable readers of the log: each has a place of its own in a cell, which retention does not pass.

use std::time::Duration;

use basalt_core::change::{seq_from_text, seq_to_text};
use basalt_core::{Actor, Error, Result, Seq, Timestamp};
use serde_json::{Value, json};

use crate::commit::Ticket;
use crate::decide::{CellKey, CellWrite, Decide, Origin, Step, View, Writes};
use crate::driver::Driver;
use crate::sql::SqlValue;

/// The cells that hold the places of durable readers, by their names.
pub const READERS_SPACE: &str = "consumers";
/// Readers that are looked at; more than anybody registers.
const MOST: i64 = 1_000;

/// A durable reader's place, as its cell holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurableReader {
    pub name: String,
    /// The log that the place belongs to.
    pub log: String,
    pub seq: Seq,
    /// When it was moved last. `None`: a reader of the server's own, which is never given up for its silence.
    pub moved_at: Option<Timestamp>,
    /// When the log outgrew its hard limit and was trimmed beyond this reader.
    pub broken_at: Option<Timestamp>,
}

impl DurableReader {
    pub fn key(name: &str) -> CellKey {
        CellKey::new(READERS_SPACE, name)
    }

    pub fn parse(name: &str, value: &Value) -> Result<Self> {
        let odd = || Error::internal(format!("a stored cursor is no place in the log: {name} {value}"));
        let time = |name: &str| value[name].as_i64().map(Timestamp::from_millis);
        Ok(Self {
            name: name.to_owned(),
            log: value["log"].as_str().ok_or_else(odd)?.to_owned(),
            seq: value["seq"].as_str().and_then(seq_from_text).ok_or_else(odd)?,
            moved_at: time("movedAt"),
            broken_at: time("brokenAt"),
        })
    }

    pub fn write(&self) -> CellWrite {
        let mut value = json!({ "log": self.log, "seq": seq_to_text(self.seq) });
        for (name, at) in [("movedAt", self.moved_at), ("brokenAt", self.broken_at)] {
            if let Some(at) = at {
                value[name] = at.millis().into();
            }
        }
        CellWrite::Put { key: Self::key(&self.name), value, expires_at: None }
    }

    /// Whether the log waits for it: not one of another log, one that is broken already, or one that was not moved for
    /// long.
    pub fn holds(&self, log_id: &str, now: Timestamp, idle: Duration) -> bool {
        let silent = self.moved_at.is_some_and(|moved| now.since(moved) > idle);
        self.log == log_id && self.broken_at.is_none() && !silent
    }
}

/// All of them. A cell that can't be read holds nothing back.
pub(crate) async fn all(driver: &Driver) -> Result<Vec<DurableReader>> {
    let sql = "SELECT cell_key, value FROM cells WHERE space = $1 ORDER BY cell_key LIMIT $2";
    let rows = driver.read_one(sql, vec![READERS_SPACE.into(), MOST.into()]).await?;
    let mut readers = Vec::with_capacity(rows.len());
    for row in &rows {
        let (Some(name), Some(value)) = (row[0].as_text(), row[1].as_text()) else { continue };
        let parsed = serde_json::from_str(value).map_err(Error::internal);
        match parsed.and_then(|value| DurableReader::parse(name, &value)) {
            Ok(reader) => readers.push(reader),
            Err(error) => tracing::error!(?error, reader = name, "a reader of the log has no place"),
        }
    }
    Ok(readers)
}

/// Notes that the log is about to be trimmed up to `seq`, beyond this reader, unless it has moved meanwhile.
pub(crate) async fn give_up(driver: &Driver, reader: &DurableReader, seq: Seq, now: Timestamp) -> Result<()> {
    let (ticket, answer) = Ticket::new(GiveUp { name: reader.name.clone(), seq, now });
    driver.submit(Box::new(ticket));
    let (given_up, _) = answer.await.ok_or_else(|| Error::internal("the committer dropped a batch"))?.result?;
    if given_up {
        metrics::counter!("basalt_log_readers_broken_total").increment(1);
        tracing::error!(
            reader = reader.name,
            place = reader.seq,
            trimmed = seq,
            "the change log outgrew its hard limit: it is trimmed beyond a reader, which misses changes"
        );
    }
    Ok(())
}

struct GiveUp {
    name: String,
    seq: Seq,
    now: Timestamp,
}

impl Decide for GiveUp {
    type Out = bool;

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<bool> {
        let key = DurableReader::key(&self.name);
        let origin = Origin { actor: Actor::SYSTEM, request_id: "system".into(), at: self.now };
        let nothing = Writes::none(origin);
        let Some(cell) = view.cell(&key) else { return Step::Need(vec![crate::Read::Cell(key)]) };
        let reader = cell.and_then(|cell| DurableReader::parse(&self.name, &cell.value).ok());
        match reader {
            Some(reader) if reader.seq < self.seq && reader.broken_at.is_none() => {
                let broken = DurableReader { broken_at: Some(self.now), ..reader };
                Step::Done(Writes { cells: vec![broken.write()], ..nothing }, true)
            }
            _ => Step::Done(nothing, false),
        }
    }
}

/// How large and how old the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStats {
    /// Of what is kept.
    pub bytes: u64,
    /// When the oldest change that is kept was made.
    pub oldest: Option<Timestamp>,
    pub end: Seq,
    /// Changes up to here are gone.
    pub trimmed: Seq,
}

pub(crate) async fn stats(driver: &Driver) -> Result<LogStats> {
    let sql = "SELECT coalesce((SELECT total_bytes FROM changes ORDER BY seq DESC LIMIT 1), 0) - \
               coalesce((SELECT total_bytes FROM changes ORDER BY seq LIMIT 1), 0), \
               (SELECT at FROM changes ORDER BY seq LIMIT 1), coalesce((SELECT max(seq) FROM changes), 0), \
               CAST(value AS BIGINT) FROM meta WHERE name = 'trimmed'";
    let rows = driver.read_one(sql, Vec::new()).await?;
    let row = rows.first().ok_or_else(|| Error::internal("meta has no row for the log"))?;
    let int = |n: usize| row.get(n).and_then(SqlValue::as_int);
    let unsigned = |n: usize| int(n).and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
    let trimmed = unsigned(3);
    Ok(LogStats {
        bytes: unsigned(0),
        oldest: int(1).map(Timestamp::from_millis),
        end: unsigned(2).max(trimmed),
        trimmed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_cell() {
        let reader = DurableReader {
            name: "a".into(),
            log: "l".into(),
            seq: 7,
            moved_at: Some(Timestamp::from_millis(5)),
            broken_at: None,
        };
        let CellWrite::Put { value, .. } = reader.write() else { panic!("a put") };
        assert_eq!(DurableReader::parse("a", &value).unwrap(), reader);
        assert!(DurableReader::parse("a", &json!({"log": "l"})).is_err());
    }

    #[test]
    fn the_log_waits_for_live_readers_of_its_own() {
        let now = Timestamp::from_millis(1_000_000);
        let idle = Duration::from_secs(100);
        let reader = DurableReader { name: "a".into(), log: "l".into(), seq: 7, moved_at: None, broken_at: None };
        assert!(reader.holds("l", now, idle));
        assert!(!reader.holds("m", now, idle));
        assert!(!DurableReader { broken_at: Some(now), ..reader.clone() }.holds("l", now, idle));
        let moved =
            |seconds| DurableReader { moved_at: Some(now.minus(Duration::from_secs(seconds))), ..reader.clone() };
        assert!(moved(99).holds("l", now, idle));
        assert!(!moved(101).holds("l", now, idle));
    }
}
