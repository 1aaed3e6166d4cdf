//! The newest rows of the log in memory, so that who follows it doesn't ask the database for what this process has just
//! written. Kept where this process alone writes (SQLite): there it is the log's end without a gap.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use basalt_core::change::split_request;
use basalt_core::{Change, Seq};

use crate::commit::ChangeRow;

/// Bounds: who is further behind reads the database.
pub(crate) const MAX_ROWS: usize = 4_096;
pub(crate) const MAX_BYTES: usize = 8 << 20;

#[derive(Default)]
pub(crate) struct Recent(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// Where the rows begin; `None` where nothing is kept.
    first: Option<Seq>,
    rows: VecDeque<ChangeRow>,
    bytes: usize,
}

impl Recent {
    /// Keeps what is written from `next` on.
    pub(crate) fn begin(&self, next: Seq) {
        *self.held() = Held { first: Some(next), ..Held::default() };
    }

    /// Takes in what was committed, which follows what is held.
    pub(crate) fn append(&self, rows: Vec<ChangeRow>) {
        let mut held = self.held();
        for row in rows {
            held.bytes += row.bytes();
            held.rows.push_back(row);
        }
        while held.rows.len() > MAX_ROWS || held.bytes > MAX_BYTES {
            let Some(oldest) = held.rows.pop_front() else { break };
            held.bytes -= oldest.bytes();
            held.first = held.first.map(|first| first + 1);
        }
    }

    /// Forgets what is trimmed from the log.
    pub(crate) fn trim(&self, last: Seq) {
        let mut held = self.held();
        while held.first.is_some_and(|first| first <= last) {
            let Some(oldest) = held.rows.pop_front() else { break };
            held.bytes -= oldest.bytes();
            held.first = held.first.map(|first| first + 1);
        }
    }

    /// The changes after `since`, at most `limit`; `None` where it takes the database to tell.
    pub(crate) fn after(&self, since: Seq, limit: u32) -> Option<Vec<Change>> {
        let held = self.held();
        let first = held.first.filter(|first| *first <= since.saturating_add(1))?;
        let skip = usize::try_from(since + 1 - first).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = held.rows.iter().enumerate().skip(skip).take(limit);
        Some(rows.map(|(n, row)| change(first + n as Seq, row)).collect())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn change(seq: Seq, row: &ChangeRow) -> Change {
    let (request_id, trace, depth) = split_request(&row.origin.request_id);
    Change {
        seq,
        collection: row.collection.clone(),
        id: row.id.clone(),
        op: row.op,
        after: row.after.clone(),
        before: row.before.clone(),
        actor: row.origin.actor.clone(),
        request_id,
        trace,
        depth,
        at: row.origin.at,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use basalt_core::change::Body;
    use basalt_core::{Actor, ChangeOp, CollectionName, DocumentId, Timestamp};

    use super::*;
    use crate::decide::Origin;

    pub(crate) fn row(after: &str) -> ChangeRow {
        let origin = Origin { actor: Actor::SYSTEM, request_id: String::new(), at: Timestamp::from_millis(7) };
        ChangeRow {
            collection: CollectionName::parse("notes").unwrap(),
            id: DocumentId::parse("a").unwrap(),
            op: ChangeOp::Create,
            after: Some(Body::written(after.to_owned())),
            before: None,
            origin: Arc::new(origin),
        }
    }

    fn seqs(recent: &Recent, since: Seq, limit: u32) -> Option<Vec<Seq>> {
        recent.after(since, limit).map(|changes| changes.iter().map(|change| change.seq).collect())
    }

    #[test]
    fn it_answers_from_where_it_begins_on() {
        let recent = Recent::default();
        assert_eq!(seqs(&recent, 0, 10), None);
        recent.begin(5);
        assert_eq!(seqs(&recent, 3, 10), None);
        assert_eq!(seqs(&recent, 4, 10), Some(vec![]));
        recent.append(vec![row("{}"), row("{}"), row("{}")]);
        assert_eq!(seqs(&recent, 4, 2), Some(vec![5, 6]));
        assert_eq!(seqs(&recent, 6, 2), Some(vec![7]));
        assert_eq!(seqs(&recent, 7, 2), Some(vec![]));
    }

    #[test]
    fn what_is_trimmed_is_forgotten() {
        let recent = Recent::default();
        recent.begin(1);
        recent.append(vec![row("{}"), row("{}"), row("{}")]);
        recent.trim(2);
        assert_eq!(seqs(&recent, 1, 9), None);
        assert_eq!(seqs(&recent, 2, 9), Some(vec![3]));
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let recent = Recent::default();
        recent.begin(1);
        recent.append((0..MAX_ROWS + 2).map(|_| row("{}")).collect());
        assert_eq!(seqs(&recent, 1, 1), None);
        assert_eq!(seqs(&recent, 2, 1), Some(vec![3]));
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(MAX_BYTES / 2));
        recent.append(vec![row(&large), row(&large)]);
        let end = MAX_ROWS as Seq + 4;
        assert_eq!(seqs(&recent, end - 2, 9), None);
        assert_eq!(seqs(&recent, end - 1, 9), Some(vec![end]));
    }
}
