use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::shared::{Hooks, Loss};

/// Faults that a test lets happen, and what became of them.
#[derive(Clone, Default)]
pub struct Faults {
    failing_commits: Arc<AtomicU32>,
    failing_syncs: Arc<AtomicU32>,
    lost_requests: Arc<AtomicU32>,
    lost_answers: Arc<AtomicU32>,
    lost_searches: Arc<AtomicU32>,
    locked: bool,
    fatal: Arc<Mutex<Vec<String>>>,
    read_time: Option<Duration>,
    slow_fill: Option<usize>,
}

impl Faults {
    /// Reads may take so long (SQLite).
    #[must_use]
    pub fn with_read_time(read_time: Duration) -> Self {
        Self { read_time: Some(read_time), ..Self::default() }
    }

    /// Reading more documents than these at once, to fill an index, takes too long.
    #[must_use]
    pub fn with_slow_fill(documents: usize) -> Self {
        Self { slow_fill: Some(documents), ..Self::default() }
    }

    /// The next commit fails as if the disk had failed to sync.
    pub fn fail_next_commit(&self) {
        self.failing_commits.fetch_add(1, Ordering::SeqCst);
    }

    /// The next commit is made, and then the disk doesn't sync.
    pub fn fail_next_sync(&self) {
        self.failing_syncs.fetch_add(1, Ordering::SeqCst);
    }

    /// Every group takes the lock before it reads (PostgreSQL).
    #[must_use]
    pub fn under_lock() -> Self {
        Self { locked: true, ..Self::default() }
    }

    /// The connection of the next commit is lost before it is made (PostgreSQL).
    pub fn lose_next_request(&self) {
        self.lost_requests.fetch_add(1, Ordering::SeqCst);
    }

    /// It can't be looked up what became of the next commit that is lost (PostgreSQL).
    pub fn lose_searches(&self) {
        self.lost_searches.store(u32::MAX, Ordering::SeqCst);
    }

    /// It can again.
    pub fn let_search(&self) {
        self.lost_searches.store(0, Ordering::SeqCst);
    }

    /// The connection of the next commit is lost before its answer arrives (PostgreSQL).
    pub fn lose_next_answer(&self) {
        self.lost_answers.fetch_add(1, Ordering::SeqCst);
    }

    /// Why the process would have ended.
    pub fn fatal(&self) -> Vec<String> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn hooks(&self) -> Hooks {
        let take = |counter: &Arc<AtomicU32>| {
            let counter = Arc::clone(counter);
            move || counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
        };
        let (request, answer) = (take(&self.lost_requests), take(&self.lost_answers));
        let search = take(&self.lost_searches);
        let lose = move |what: Loss| match what {
            Loss::Request => request(),
            Loss::Answer => answer(),
            Loss::Search => search(),
        };
        let fatal = Arc::clone(&self.fatal);
        Hooks {
            on_fatal: Arc::new(move |reason| {
                fatal.lock().unwrap_or_else(PoisonError::into_inner).push(reason.to_owned());
            }),
            fail_commit: Some(Arc::new(take(&self.failing_commits))),
            fail_sync: Some(Arc::new(take(&self.failing_syncs))),
            lose: Some(Arc::new(lose)),
            search_time: Duration::from_millis(300),
            optimistic_tries: if self.locked { 0 } else { Hooks::default().optimistic_tries },
            read_time: self.read_time.unwrap_or(Hooks::default().read_time),
            slow_fill: self.slow_fill,
        }
    }
}
