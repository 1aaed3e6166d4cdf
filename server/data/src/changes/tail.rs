use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Change, Result, Seq};
use basalt_store::Store;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Changes of one batch.
const BATCH: u32 = 500;
/// A wake-up may get lost (another node's, or a broken connection's): the log is looked at this often anyway.
const POLL: Duration = Duration::from_millis(500);

/// A reader's place in the log.
pub struct Tail {
    store: Store,
    position: Seq,
    ends: watch::Receiver<Seq>,
    /// One timer for all waits: a new one for each costs as much as the read that it ends in.
    polls: Interval,
}

impl Tail {
    pub(super) fn new(store: Store, since: Seq) -> Self {
        let ends = store.log_end();
        let mut polls = tokio::time::interval_at(Instant::now() + POLL, POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { store, position: since, ends, polls }
    }

    /// The last change that was handed out.
    pub fn position(&self) -> Seq {
        self.position
    }

    /// Passes over what was handed out otherwise.
    pub fn skip_to(&mut self, position: Seq) {
        self.position = self.position.max(position);
    }

    /// The next changes; waits until there are some. Dropping the future loses nothing. An error leaves the place as it
    /// was; [`basalt_core::Code::CursorExpired`] says that the log no longer reaches back to it.
    pub async fn next(&mut self) -> Result<Vec<Arc<Change>>> {
        loop {
            let changes = self.next_if_any().await?;
            if !changes.is_empty() {
                return Ok(changes);
            }
            self.wait().await;
        }
    }

    /// The next changes, or none when the end is reached. All who follow this reader share them.
    pub async fn next_if_any(&mut self) -> Result<Vec<Arc<Change>>> {
        // Seen before reading: what is committed meanwhile wakes the next wait.
        self.ends.borrow_and_update();
        let changes = self.store.changes(self.position, BATCH).await?;
        if let Some(last) = changes.last() {
            self.position = last.seq;
        }
        Ok(changes.into_iter().map(Arc::new).collect())
    }

    /// Whether the log held no more than this batch when it was read: under a steady writer no read is ever empty.
    pub(super) fn was_last(batch: &[Arc<Change>]) -> bool {
        batch.len() < BATCH as usize
    }

    /// Until something may have been written.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            Ok(()) = self.ends.changed() => {}
            // Or the store is closing: no wake-up comes any more, and nobody should spin on that.
            _ = self.polls.tick() => {}
        }
    }
}
