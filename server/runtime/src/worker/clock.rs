//! Limits of time, looked at by the engine while it runs.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Why code was stopped, and until when it may run. Shared with the engine's interrupt handler.
#[derive(Debug)]
pub(super) struct Watch {
    /// Neither is set while nothing may run long.
    wall: Cell<Option<Instant>>,
    cpu: Cell<Option<Duration>>,
    stopped: Cell<bool>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { wall: Cell::new(None), cpu: Cell::new(None), stopped: Cell::new(false) }
    }

    /// The code may run until `wall`, and until the thread's clock says `cpu`.
    pub(super) fn arm(&self, wall: Instant, cpu: Duration) {
        self.wall.set(Some(wall));
        self.cpu.set(Some(cpu));
    }

    /// Asked by the engine: whether it has to stop.
    pub(super) fn is_over(&self) -> bool {
        if self.stopped.get() {
            return true;
        }
        let over = self.wall.get().is_some_and(|wall| Instant::now() >= wall)
            || self.cpu.get().is_some_and(|cpu| thread_time() >= cpu);
        self.stopped.set(over);
        over
    }

    /// Whether the engine was stopped: an instance that was is thrown away.
    pub(super) fn was_stopped(&self) -> bool {
        self.stopped.get()
    }
}

/// Processor time of this thread, the only one.
pub(super) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over() {
        let watch = Watch::new();
        assert!(!watch.is_over());
        watch.arm(Instant::now(), Duration::MAX);
        assert!(watch.is_over());
        watch.arm(Instant::now() + Duration::from_mins(1), Duration::MAX);
        assert!(watch.is_over() && watch.was_stopped());
    }

    #[test]
    fn processor_time_counts_for_itself() {
        let watch = Watch::new();
        watch.arm(Instant::now() + Duration::from_mins(1), thread_time());
        assert!(watch.is_over());
    }
}
