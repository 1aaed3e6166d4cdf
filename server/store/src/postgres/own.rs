//! The newest rows of the log that this node wrote, in memory: whoever follows the log need not have them from the
//! database, which tells in a small answer up to where it goes. Other nodes' rows are gaps.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use basalt_core::{Change, Seq};

use crate::commit::ChangeRow;
use crate::recent::{MAX_BYTES, MAX_ROWS, change};

#[derive(Default)]
pub(crate) struct Own(Mutex<Held>);

#[derive(Default)]
struct Held {
    rows: BTreeMap<Seq, ChangeRow>,
    bytes: usize,
}

impl Own {
    /// Takes in what was committed, from its first place on.
    pub(crate) fn put(&self, first: Seq, rows: Vec<ChangeRow>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (seq, row) in (first..).zip(rows) {
            held.bytes += row.bytes();
            held.rows.insert(seq, row);
        }
        while held.rows.len() > MAX_ROWS || held.bytes > MAX_BYTES {
            let Some((_, oldest)) = held.rows.pop_first() else { break };
            held.bytes -= oldest.bytes();
        }
    }

    /// The changes after `since` up to `end`, at most `limit`; `None` where not all of them are this node's, or held.
    pub(crate) fn between(&self, since: Seq, end: Seq, limit: u32) -> Option<Vec<Change>> {
        let last = end.min(since.saturating_add(Seq::from(limit)));
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = held.rows.range(since.saturating_add(1)..).take_while(|(seq, _)| **seq <= last);
        let wanted = usize::try_from(last.saturating_sub(since)).unwrap_or(usize::MAX);
        (rows.clone().count() == wanted).then(|| rows.map(|(seq, row)| change(*seq, row)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recent::tests::row;

    fn seqs(own: &Own, since: Seq, end: Seq, limit: u32) -> Option<Vec<Seq>> {
        own.between(since, end, limit).map(|changes| changes.iter().map(|change| change.seq).collect())
    }

    #[test]
    fn it_answers_where_nobody_else_wrote() {
        let own = Own::default();
        assert_eq!(seqs(&own, 4, 5, 9), None);
        own.put(7, vec![row("{}"), row("{}")]);
        own.put(5, vec![row("{}"), row("{}")]);
        own.put(10, vec![row("{}")]);
        assert_eq!(seqs(&own, 4, 8, 9), Some(vec![5, 6, 7, 8]));
        assert_eq!(seqs(&own, 5, 8, 2), Some(vec![6, 7]));
        assert_eq!(seqs(&own, 4, 10, 9), None, "9 is of another node");
        assert_eq!(seqs(&own, 4, 10, 4), Some(vec![5, 6, 7, 8]));
        assert_eq!(seqs(&own, 9, 10, 9), Some(vec![10]));
        assert_eq!(seqs(&own, 3, 8, 9), None);
        assert_eq!(seqs(&own, 9, 11, 9), None, "what is acknowledged elsewhere isn't here yet");
        assert_eq!(seqs(&own, 10, 10, 9), Some(vec![]));
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let own = Own::default();
        own.put(1, (0..MAX_ROWS + 2).map(|_| row("{}")).collect());
        let end = MAX_ROWS as Seq + 2;
        assert_eq!(seqs(&own, 1, end, u32::MAX), None);
        assert_eq!(seqs(&own, 2, end, 1), Some(vec![3]));
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(MAX_BYTES / 2));
        own.put(end + 1, vec![row(&large), row(&large)]);
        assert_eq!(seqs(&own, end, end + 2, 9), None);
        assert_eq!(seqs(&own, end + 1, end + 2, 9), Some(vec![end + 2]));
    }
}
