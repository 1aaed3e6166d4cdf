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
/// Under a steady writer this node's own changes are handed out as they are heard of; the log is asked this often.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A reader's place in the log.
pub struct Tail {
    store: Store,
    position: Seq,
    ends: watch::Receiver<Seq>,
    /// One timer for all waits: a new one for each costs as much as the read that it ends in.
    polls: Interval,
    /// When the log itself was asked last.
    asked: Instant,
}

/// Changes, and how far they tell.
pub(super) struct Batch {
    pub(super) changes: Vec<Arc<Change>>,
    /// The log held no more when it was asked: under a steady writer no read is ever empty.
    pub(super) reaches_end: bool,
}

impl Tail {
    pub(super) fn new(store: Store, since: Seq) -> Self {
        let ends = store.log_end();
        let mut polls = tokio::time::interval_at(Instant::now() + POLL, POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first read asks.
        let asked = Instant::now().checked_sub(ASK_EVERY).unwrap_or_else(Instant::now);
        Self { store, position: since, ends, polls, asked }
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
        Ok(self.read().await?.changes)
    }

    pub(super) async fn read(&mut self) -> Result<Batch> {
        // Seen before reading: what is committed meanwhile wakes the next wait.
        self.ends.borrow_and_update();
        let now = Instant::now();
        let own = if now.duration_since(self.asked) < ASK_EVERY {
            self.store.own_news(self.position, BATCH).await
        } else {
            None
        };
        let is_asked = own.is_none();
        let changes = match own {
            Some(own) => own,
            None => self.store.changes(self.position, BATCH).await?,
        };
        if is_asked {
            self.asked = now;
        }
        if let Some(last) = changes.last() {
            self.position = last.seq;
        }
        let reaches_end = is_asked && changes.len() < BATCH as usize;
        Ok(Batch { changes: changes.into_iter().map(Arc::new).collect(), reaches_end })
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
