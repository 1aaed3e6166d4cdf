//! The timers of one call.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rquickjs::{Function, Persistent};

/// More would be a way to fill the memory that no limit of the engine counts.
const TIMERS: usize = 10_000;
/// As in browsers: the longest one that a number of 32 bits tells in milliseconds.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

#[derive(Default)]
pub(super) struct Timers {
    last: u32,
    due: BTreeMap<(Instant, u32), Persistent<Function<'static>>>,
    moments: BTreeMap<u32, Instant>,
}

impl Timers {
    /// `None` where there are too many.
    pub(super) fn set(&mut self, milliseconds: f64, callback: Persistent<Function<'static>>) -> Option<u32> {
        if self.due.len() >= TIMERS {
            return None;
        }
        let wait = Duration::try_from_secs_f64(milliseconds.max(0.0) / 1000.0).unwrap_or(LONGEST).min(LONGEST);
        let moment = Instant::now() + wait;
        self.last = self.last.wrapping_add(1).max(1);
        self.due.insert((moment, self.last), callback);
        self.moments.insert(self.last, moment);
        Some(self.last)
    }

    pub(super) fn clear(&mut self, id: u32) {
        if let Some(moment) = self.moments.remove(&id) {
            self.due.remove(&(moment, id));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.keys().next().map(|(moment, _)| *moment)
    }

    /// The earliest one that is due by `now`.
    pub(super) fn take(&mut self, now: Instant) -> Option<Persistent<Function<'static>>> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
        let ((_, id), callback) = first.remove_entry();
        self.moments.remove(&id);
        Some(callback)
    }

    pub(super) fn drop_all(&mut self) {
        self.due.clear();
        self.moments.clear();
    }
}
