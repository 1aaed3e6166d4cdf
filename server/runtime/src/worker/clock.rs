//! Limits of time, looked at by the engine while it runs.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::gauge::Gauge;

/// Why code was stopped, and until when it may run. Shared with the engine's interrupt handler.
pub(super) struct Watch {
    /// Neither is set while nothing may run long.
    wall: Cell<Option<Instant>>,
    cpu: Cell<Option<Duration>>,
    stopped: Cell<bool>,
    gauge: Rc<Gauge>,
    /// Bytes of the process when the call began, and at the most since then.
    low: Cell<u64>,
    high: Cell<u64>,
}

impl Watch {
    pub(super) fn new(gauge: Rc<Gauge>) -> Self {
        let (low, high) = (Cell::new(gauge.resident()), Cell::new(0));
        Self { wall: Cell::new(None), cpu: Cell::new(None), stopped: Cell::new(false), gauge, low, high }
    }

    /// Another call begins.
    pub(super) fn begin(&self) {
        self.low.set(self.gauge.resident());
        self.high.set(0);
    }

    /// Bytes that the call has added to the process, at the most that was seen.
    pub(super) fn height(&self) -> u64 {
        self.high.get().saturating_sub(self.low.get())
    }

    /// Bytes that the process ever took.
    pub(super) fn most(&self) -> u64 {
        self.gauge.most()
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
        self.high.set(self.high.get().max(self.gauge.resident()));
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
        let watch = Watch::new(Rc::new(Gauge::open().unwrap()));
        assert!(!watch.is_over());
        watch.arm(Instant::now(), Duration::MAX);
        assert!(watch.is_over());
        watch.arm(Instant::now() + Duration::from_mins(1), Duration::MAX);
        assert!(watch.is_over() && watch.was_stopped());
    }

    #[test]
    fn processor_time_counts_for_itself() {
        let watch = Watch::new(Rc::new(Gauge::open().unwrap()));
        watch.arm(Instant::now() + Duration::from_mins(1), thread_time());
        assert!(watch.is_over());
    }
}
