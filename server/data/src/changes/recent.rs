//! The log's last changes in memory: many readers that wait at its end share one read of each change.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use basalt_core::change::Body;
use basalt_core::{Change, Seq};
use tokio::sync::watch;

use super::Reader;

const MOST: usize = 4_096;
const MOST_BYTES: usize = 8 << 20;

/// Cheap to clone; all clones see the same.
#[derive(Clone, Default)]
pub(crate) struct Recent(Arc<Inner>);

#[derive(Default)]
struct Inner {
    ring: Mutex<Ring>,
    /// Raised whenever there may be something new.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    /// Everything after this place is held; `None` while that isn't known.
    from: Option<Seq>,
    changes: VecDeque<(Arc<Change>, usize)>,
    bytes: usize,
    /// Whether somebody feeds it.
    fed: bool,
}

impl Recent {
    /// Holds what comes after this place, from now on.
    pub(crate) fn begin(&self, since: Seq) {
        *self.ring() = Ring { from: Some(since), fed: true, ..Ring::default() };
    }

    /// Up to `rows` changes after a place, if everything after it is held. None at all: there are none yet.
    pub(crate) fn after(&self, since: Seq, rows: usize) -> Option<Vec<Arc<Change>>> {
        let ring = self.ring();
        ring.from.filter(|from| *from <= since)?;
        let first = ring.changes.partition_point(|(change, _)| change.seq <= since);
        Some(ring.changes.range(first..).take(rows).map(|(change, _)| Arc::clone(change)).collect())
    }

    /// Learns of news; `None` where nobody brings any.
    pub(crate) fn news(&self) -> Option<watch::Receiver<u64>> {
        let fed = self.ring().fed;
        fed.then(|| self.0.news.subscribe())
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, change: &Arc<Change>) {
        // No change lies between the place that was followed from and the first one that came.
        self.from.get_or_insert(change.seq.saturating_sub(1));
        let bytes = weight(change);
        self.bytes += bytes;
        self.changes.push_back((Arc::clone(change), bytes));
        while self.changes.len() > MOST || self.bytes > MOST_BYTES {
            let Some((oldest, bytes)) = self.changes.pop_front() else { return };
            self.bytes -= bytes;
            self.from = Some(oldest.seq);
        }
    }
}

impl Reader for Recent {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        {
            let mut ring = self.ring();
            for change in changes {
                ring.push(change);
            }
        }
        self.0.news.send_modify(|news| *news += 1);
    }

    fn reset(&mut self) {
        *self.ring() = Ring { fed: true, ..Ring::default() };
        self.0.news.send_modify(|news| *news += 1);
    }
}

/// About what a change takes in memory, once somebody has looked into it.
pub(super) fn weight(change: &Change) -> usize {
    let body = |body: &Option<Body>| body.as_ref().map_or(0, |body| 4 * body.text().len());
    256 + body(&change.after) + body(&change.before)
}

#[cfg(test)]
mod tests {
    use basalt_core::{Actor, ChangeOp, CollectionName, DocumentId, Timestamp};

    use serde_json::{Map, Value};

    use super::*;

    fn change(seq: Seq, bytes: usize) -> Arc<Change> {
        let after = Map::from_iter([("text".to_owned(), Value::from("x".repeat(bytes)))]);
        Arc::new(Change {
            seq,
            collection: CollectionName::parse("notes").unwrap(),
            id: DocumentId::parse("n").unwrap(),
            op: ChangeOp::Create,
            after: Some(after.into()),
            before: None,
            actor: Actor::SYSTEM,
            request_id: "r".into(),
            trace: None,
            depth: 0,
            at: Timestamp::from_millis(0),
        })
    }

    fn seqs(recent: &Recent, since: Seq, rows: usize) -> Option<Vec<Seq>> {
        recent.after(since, rows).map(|changes| changes.iter().map(|change| change.seq).collect())
    }

    #[test]
    fn it_tells_all_after_a_place_or_nothing() {
        let mut recent = Recent::default();
        assert_eq!(seqs(&recent, 5, 10), None);
        recent.begin(5);
        assert_eq!(seqs(&recent, 5, 10), Some(vec![]));
        assert_eq!(seqs(&recent, 4, 10), None, "what was before is not held");
        recent.apply(&[change(7, 1), change(9, 1), change(10, 1)]);
        assert_eq!(seqs(&recent, 5, 2), Some(vec![7, 9]));
        assert_eq!(seqs(&recent, 9, 9), Some(vec![10]));
        assert_eq!(seqs(&recent, 12, 9), Some(vec![]));
        recent.reset();
        assert_eq!(seqs(&recent, 10, 9), None);
        recent.apply(&[change(20, 1)]);
        assert_eq!(seqs(&recent, 10, 9), None);
        assert_eq!(seqs(&recent, 19, 9), Some(vec![20]));
    }

    #[test]
    fn it_is_bounded_in_changes_and_in_bytes() {
        let mut recent = Recent::default();
        recent.begin(0);
        for seq in 1..=5_000 {
            recent.apply(&[change(seq, 1)]);
        }
        assert_eq!(recent.after(5_000 - MOST as u64, 10_000).map(|held| held.len()), Some(MOST));
        assert_eq!(seqs(&recent, 0, 1), None);
        recent.apply(&(5_001..5_020).map(|seq| change(seq, 1 << 20)).collect::<Vec<_>>());
        let held = recent.ring().bytes;
        assert!(held <= MOST_BYTES, "{held}");
    }
}
