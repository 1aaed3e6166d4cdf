//! From the node's tailer to the reader of the log: it is woken for what somebody wants, and passes over the rest, which
//! then costs neither a wake-up nor a read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use basalt_core::{Change, Seq};
use basalt_data::changes::Reader;
use tokio::sync::Notify;

use super::Triggers;

/// The tailer's end.
#[derive(Clone)]
pub struct Feed(pub(super) Triggers);

/// What the reader need not look at.
#[derive(Default)]
pub(super) struct Passed {
    /// The newest stretch of the log that nobody wanted when it came.
    unwanted: Mutex<Option<Stretch>>,
    pub(super) wake: Notify,
}

#[derive(Clone, Copy)]
struct Stretch {
    after: Seq,
    end: Seq,
    /// Nothing that somebody wants has come since.
    is_open: bool,
}

impl Passed {
    /// How far one who has read up to here may go without a look.
    pub(super) fn beyond(&self, read: Seq) -> Option<Seq> {
        self.unwanted().filter(|stretch| stretch.after <= read && read < stretch.end).map(|stretch| stretch.end)
    }

    /// What was passed over up to here may have been wanted: by now somebody may be known who was too new then.
    pub(super) fn forget(&self) {
        *self.unwanted() = None;
    }

    /// These follow what came before.
    fn pass(&self, changes: &[Arc<Change>]) {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return };
        let mut unwanted = self.unwanted();
        let before = unwanted.filter(|stretch| stretch.is_open);
        let after = before.map_or(first.seq.saturating_sub(1), |stretch| stretch.after);
        *unwanted = Some(Stretch { after, end: last.seq, is_open: true });
    }

    /// What comes is to be read; what came before it still isn't.
    fn ring(&self) {
        if let Some(stretch) = &mut *self.unwanted() {
            stretch.is_open = false;
        }
        self.wake.notify_one();
    }

    fn unwanted(&self) -> MutexGuard<'_, Option<Stretch>> {
        self.unwanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader for Feed {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        let passed = &self.0.0.passed;
        if self.0.is_wanted() { passed.ring() } else { passed.pass(changes) }
    }

    fn reset(&mut self) {
        self.0.0.passed.ring();
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::CollectionName;

    use super::*;
    use crate::common::sample;

    fn change(seq: Seq) -> Arc<Change> {
        Arc::new(sample::change(&CollectionName::parse("notes").unwrap(), "a", seq))
    }

    #[test]
    fn what_nobody_wanted_is_passed_over_by_who_has_read_what_was_before() {
        let passed = Passed::default();
        assert_eq!(passed.beyond(0), None);
        passed.pass(&[change(5), change(6)]);
        passed.pass(&[change(8)]);
        assert_eq!(passed.beyond(3), None, "what was before is to be read");
        assert_eq!((passed.beyond(4), passed.beyond(7), passed.beyond(8)), (Some(8), Some(8), None));
    }

    #[test]
    fn what_somebody_wants_ends_what_nobody_wanted() {
        let passed = Passed::default();
        passed.pass(&[change(5)]);
        passed.ring();
        assert_eq!(passed.beyond(4), Some(5), "who comes with 6 doesn't get 5");
        passed.pass(&[change(7)]);
        assert_eq!((passed.beyond(5), passed.beyond(6)), (None, Some(7)), "6 is to be read");
        passed.forget();
        assert_eq!(passed.beyond(6), None);
    }
}
