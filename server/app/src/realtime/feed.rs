//! From the node's tailer to the room: batches are handed over as they come, without waiting and without end in memory.
//! What the room is too slow for is dropped, and read by itself from the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use basalt_core::{Change, Seq};
use basalt_data::changes::Reader;
use tokio::sync::Notify;

/// Batches that wait.
const BATCHES: usize = 8;

/// The tailer's end.
#[derive(Clone)]
pub struct Feed(pub(super) Arc<Handover>);

#[derive(Default)]
pub(super) struct Handover {
    waiting: Mutex<Waiting>,
    pub(super) wake: Notify,
}

/// What is there for the room to take.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) batches: VecDeque<Arc<[Change]>>,
    /// Batches were dropped: what is between has to be read from the log.
    pub(super) gap: bool,
    /// The log no longer reaches back: nothing that is known may be true.
    pub(super) reset: bool,
}

impl Handover {
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a batch's last change.
pub(super) fn end_of(batch: &[Change]) -> Option<Seq> {
    batch.last().map(|change| change.seq)
}

impl Reader for Feed {
    fn apply(&mut self, changes: &Arc<[Change]>) {
        let mut waiting = self.0.lock();
        if waiting.batches.len() == BATCHES {
            waiting.batches.clear();
            waiting.gap = true;
        }
        waiting.batches.push_back(Arc::clone(changes));
        drop(waiting);
        self.0.wake.notify_one();
    }

    fn reset(&mut self) {
        let mut waiting = self.0.lock();
        waiting.batches.clear();
        waiting.reset = true;
        drop(waiting);
        self.0.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_is_too_slow_is_told_of_the_gap() {
        let mut feed = Feed(Arc::default());
        let batch: Arc<[Change]> = Arc::from(Vec::new());
        for _ in 0..BATCHES {
            feed.apply(&batch);
        }
        assert!(!feed.0.lock().gap);
        feed.apply(&batch);
        let waiting = feed.0.take();
        assert_eq!((waiting.batches.len(), waiting.gap, waiting.reset), (1, true, false));
        feed.reset();
        assert!(feed.0.take().reset);
    }
}
