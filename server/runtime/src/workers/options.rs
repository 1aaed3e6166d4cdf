//! How many workers, and how much they hold.

use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct WorkersOptions {
    /// The binary that is a worker when it is called with `worker`.
    pub program: PathBuf,
    /// Workers at once. A function never takes the last ones from the others.
    pub workers: usize,
    /// Idle instances, in all workers.
    pub instances: usize,
    /// Bytes of bytecode that are kept for starting instances.
    pub bytecode: usize,
    /// A worker that had nothing to do for so long ends, but for the last one.
    pub idle: Duration,
    /// How long a call may wait for a place in a worker.
    pub wait: Duration,
}

impl WorkersOptions {
    pub fn new(program: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            program,
            workers: (cores * 2).clamp(8, 16),
            instances: 1_024,
            bytecode: 128 << 20,
            idle: Duration::from_mins(1),
            wait: Duration::from_secs(10),
        }
    }

    /// In how many workers a function's calls are spread before they share one: more wouldn't run at the same time.
    pub(super) fn spread(&self) -> usize {
        std::thread::available_parallelism().map_or(2, usize::from).min(self.workers)
    }
}
