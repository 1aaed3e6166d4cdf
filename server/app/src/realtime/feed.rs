//! From the node's tailer to the room: batches are handed over as they come, without waiting and without end in memory.
//! What the room is too slow for is dropped, and read by itself from the log; what comes while it has nobody is passed
//! over, without waking it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use basalt_core::{Change, Seq};
use basalt_data::changes::Reader;
use tokio::sync::Notify;

use crate::common::names::CHANNELS;

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
    pub(super) news: VecDeque<News>,
    /// Batches were dropped: what is between has to be read from the log.
    pub(super) gap: bool,
    /// The log no longer reaches back: nothing that is known may be true.
    pub(super) reset: bool,
    /// Whether the room has anybody: else it only wants to know what channels are declared.
    listens: bool,
}

/// What comes next in the log.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    Batch(Vec<Arc<Change>>),
    Passed(Passed),
}

/// Changes that came while the room had nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// The place of the last.
    pub(super) end: Seq,
    pub(super) count: usize,
}

impl Handover {
    pub(super) fn take(&self) -> Waiting {
        let mut waiting = self.lock();
        let listens = waiting.listens;
        std::mem::replace(&mut *waiting, Waiting { listens, ..Waiting::default() })
    }

    /// From here on all changes are handed over. Those that weren't were there before: whatever is read now has them.
    pub(super) fn listen(&self) {
        self.lock().listens = true;
    }

    /// From here on changes are passed over.
    pub(super) fn rest(&self) {
        self.lock().listens = false;
    }

    /// What was passed over, where nothing has to be looked at before.
    pub(super) fn passed(&self) -> Option<Passed> {
        let mut waiting = self.lock();
        let Some(News::Passed(passed)) = waiting.news.front() else { return None };
        let passed = *passed;
        if waiting.gap || waiting.reset {
            return None;
        }
        waiting.news.pop_front();
        Some(passed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn pass(&mut self, changes: &[Arc<Change>]) {
        let Some(end) = end_of(changes) else { return };
        match self.news.back_mut() {
            Some(News::Passed(passed)) => *passed = Passed { end, count: passed.count + changes.len() },
            _ => self.push(News::Passed(Passed { end, count: changes.len() })),
        }
    }

    fn push(&mut self, news: News) {
        if self.news.len() == BATCHES {
            self.news.clear();
            self.gap = true;
        }
        self.news.push_back(news);
    }
}

/// The place of a batch's last change.
pub(super) fn end_of(batch: &[Arc<Change>]) -> Option<Seq> {
    batch.last().map(|change| change.seq)
}

impl Reader for Feed {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        let mut waiting = self.0.lock();
        if !waiting.listens && changes.iter().all(|change| change.collection != *CHANNELS) {
            return waiting.pass(changes);
        }
        waiting.push(News::Batch(changes.to_vec()));
        drop(waiting);
        self.0.wake.notify_one();
    }

    fn reset(&mut self) {
        let mut waiting = self.0.lock();
        waiting.news.clear();
        waiting.reset = true;
        drop(waiting);
        self.0.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::CollectionName;

    use super::*;
    use crate::common::sample;

    fn change(collection: &CollectionName, seq: Seq) -> Arc<Change> {
        Arc::new(sample::change(collection, "a", seq))
    }

    fn notes(seq: Seq) -> Arc<Change> {
        change(&CollectionName::parse("notes").unwrap(), seq)
    }

    #[test]
    fn a_room_that_is_too_slow_is_told_of_the_gap() {
        let mut feed = Feed(Arc::default());
        feed.0.listen();
        for _ in 0..BATCHES {
            feed.apply(&[]);
        }
        assert!(!feed.0.lock().gap);
        feed.apply(&[]);
        let waiting = feed.0.take();
        assert_eq!((waiting.news.len(), waiting.gap, waiting.reset), (1, true, false));
        feed.reset();
        assert!(feed.0.take().reset);
        assert!(feed.0.lock().listens, "what is taken doesn't end it");
    }

    #[test]
    fn what_comes_while_nobody_listens_is_passed_over_in_its_place() {
        let mut feed = Feed(Arc::default());
        assert_eq!(feed.0.passed(), None);
        feed.apply(&[notes(1), notes(2)]);
        feed.apply(&[notes(3)]);
        assert_eq!(feed.0.passed(), Some(Passed { end: 3, count: 3 }));
        assert_eq!(feed.0.passed(), None);
        feed.apply(&[notes(4)]);
        let declared = vec![notes(5), change(&CHANNELS, 6)];
        feed.apply(&declared);
        feed.apply(&[notes(7)]);
        feed.0.listen();
        feed.apply(&[notes(8)]);
        feed.0.rest();
        feed.apply(&[notes(9)]);
        let passed = |end| News::Passed(Passed { end, count: 1 });
        let all = [passed(4), News::Batch(declared), passed(7), News::Batch(vec![notes(8)]), passed(9)];
        assert_eq!(feed.0.take().news, all);
    }

    #[test]
    fn nothing_is_passed_over_before_a_gap_is_filled() {
        let mut feed = Feed(Arc::default());
        feed.0.listen();
        for seq in 1..=9 {
            feed.apply(&[notes(seq)]);
        }
        feed.0.lock().news.clear();
        feed.0.rest();
        feed.apply(&[notes(10)]);
        assert_eq!(feed.0.passed(), None);
    }

    #[tokio::test]
    async fn the_room_is_woken_for_what_it_wants_alone() {
        let mut feed = Feed(Arc::default());
        let is_woken = async |feed: &Feed| {
            tokio::select! {
                biased;
                () = feed.0.wake.notified() => true,
                () = std::future::ready(()) => false,
            }
        };
        feed.apply(&[notes(1)]);
        assert!(!is_woken(&feed).await);
        feed.apply(&[change(&CHANNELS, 2)]);
        assert!(is_woken(&feed).await);
        feed.0.listen();
        feed.apply(&[notes(3)]);
        assert!(is_woken(&feed).await);
    }
}
