use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::shared::Hooks;

/// Faults that a test lets happen, and what became of them.
#[derive(Clone, Default)]
pub struct Faults {
    failing_commits: Arc<AtomicU32>,
    lost_answers: Arc<AtomicU32>,
    fatal: Arc<Mutex<Vec<String>>>,
    read_time: Option<Duration>,
}

impl Faults {
    /// Reads may take so long (SQLite).
    #[must_use]
    pub fn with_read_time(read_time: Duration) -> Self {
        Self { read_time: Some(read_time), ..Self::default() }
    }

    /// The next commit fails as if the disk had failed to sync.
    pub fn fail_next_commit(&self) {
        self.failing_commits.fetch_add(1, Ordering::SeqCst);
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
        let one_of = |counter: &Arc<AtomicU32>| {
            let counter = Arc::clone(counter);
            let take = move || counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
            Some(Arc::new(take) as Arc<dyn Fn() -> bool + Send + Sync>)
        };
        let fatal = Arc::clone(&self.fatal);
        Hooks {
            on_fatal: Arc::new(move |reason| {
                fatal.lock().unwrap_or_else(PoisonError::into_inner).push(reason.to_owned());
            }),
            fail_commit: one_of(&self.failing_commits),
            lose_answer: one_of(&self.lost_answers),
            read_time: self.read_time.unwrap_or(Hooks::default().read_time),
        }
    }
}
