//! Who reads the log: a cell that each commit of the reader's renews. It keeps nodes from doing the same work; that
//! nothing is done twice is the cursor's part, which no commit moves from where it isn't.

use std::time::Duration;

use basalt_core::{Actor, Seq, Timestamp};
use basalt_data::changes::Changes;
use basalt_store::{CellKey, CellWrite, Decide, DurableReader, NewJob, Origin, Read, Step, View, Writes};
use serde_json::{Value, json};

/// The reader's name among those of the log.
pub(super) const CONSUMER: &str = "triggers";
/// How long the log is a node's after it last moved.
pub(super) const HELD: Duration = Duration::from_secs(15);

pub(super) fn key() -> CellKey {
    CellKey::new("leases", CONSUMER)
}

/// Who has it, by its cell's value.
pub(super) fn holder(value: &Value) -> Option<&str> {
    value["node"].as_str()
}

/// A move of the reader with what it leaves to do.
pub(super) struct Move {
    pub(super) node: String,
    pub(super) log: String,
    pub(super) changes: Changes,
    /// Where the reader has to stand; `None`: nowhere yet.
    pub(super) from: Option<Seq>,
    pub(super) to: Seq,
    pub(super) jobs: Vec<NewJob>,
    pub(super) at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    Done,
    /// Another node has the lease, for so long.
    NotOurs {
        until: Timestamp,
    },
    /// The reader stands elsewhere.
    Elsewhere,
}

impl Decide for Move {
    type Out = Moved;

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<Moved> {
        let (lease, cursor) = (key(), DurableReader::key(CONSUMER));
        let reads = [Read::Cell(lease.clone()), Read::Cell(cursor.clone())];
        let unread: Vec<Read> = reads.into_iter().filter(|read| !view.holds(read)).collect();
        if !unread.is_empty() {
            return Step::Need(unread);
        }
        let origin = Origin { actor: Actor::SYSTEM, request_id: CONSUMER.to_owned(), at: self.at };
        let nothing = Writes::none(origin);
        if let Some(cell) = view.cell(&lease).flatten()
            && holder(&cell.value) != Some(&self.node)
            && let Some(until) = cell.expires_at.filter(|until| *until > self.at)
        {
            return Step::Done(nothing, Moved::NotOurs { until });
        }
        let stands = view.cell(&cursor).flatten().and_then(|cell| DurableReader::parse(CONSUMER, &cell.value).ok());
        if stands.filter(|reader| reader.log == self.log).map(|reader| reader.seq) != self.from {
            return Step::Done(nothing, Moved::Elsewhere);
        }
        let value = json!({ "node": self.node });
        let lease = CellWrite::Put { key: lease, value, expires_at: Some(self.at.plus(HELD)) };
        let mut cells = vec![lease];
        if self.from != Some(self.to) {
            cells.push(self.changes.cursor_write(CONSUMER, self.to));
        }
        Step::Done(Writes { cells, jobs: self.jobs.clone(), ..nothing }, Moved::Done)
    }
}

/// A node that stops lets go.
pub(super) struct LetGo {
    pub(super) node: String,
    pub(super) at: Timestamp,
}

impl Decide for LetGo {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let Some(cell) = view.cell(&key()) else { return Step::Need(vec![Read::Cell(key())]) };
        let ours = cell.is_some_and(|cell| holder(&cell.value) == Some(&self.node));
        let cells = ours.then(|| CellWrite::Delete { key: key() }).into_iter().collect();
        let origin = Origin { actor: Actor::SYSTEM, request_id: CONSUMER.to_owned(), at: self.at };
        Step::Done(Writes { cells, ..Writes::none(origin) }, ())
    }
}
