//! The threads that hash, and the queue before them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use tokio::sync::oneshot;

use super::argon::Memory;

/// How long a thread without work keeps its memory.
const IDLE: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    capacity: usize,
    computed: Arc<AtomicU64>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    pub(super) fn start(threads: usize, capacity: usize) -> Result<Arc<Self>> {
        let shared =
            Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new(), capacity, computed: Arc::default() });
        for _ in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name("basalt-passwords".into());
            thread.spawn(move || shared.work()).map_err(Error::internal)?;
        }
        Ok(Arc::new(Self { shared }))
    }

    /// How many hashes were computed so far.
    pub(super) fn computed(&self) -> u64 {
        self.shared.computed.load(Ordering::Relaxed)
    }

    /// How many jobs wait for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.shared.lock().jobs.len()
    }

    /// Runs a job on one of the threads; 503 at once where the queue is full.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T> {
        let (answer, result) = oneshot::channel();
        self.shared.push(Box::new(move |memory| {
            if !answer.is_closed() {
                // Whoever asked may have gone meanwhile.
                let _ = answer.send(job(memory));
            }
        }))?;
        result.await.map_err(|_| Error::internal("a password hash was not computed"))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> Result<()> {
        let mut queue = self.lock();
        if queue.jobs.len() >= self.capacity {
            let busy = Error::new(Code::Overloaded, "Too many people are signing in; try again in a moment.");
            return Err(busy.retry_after(Duration::from_secs(1)));
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    fn work(&self) {
        let mut memory = Memory::new(Arc::clone(&self.computed));
        while let Some(job) = self.next(&mut memory) {
            // A panic ends this one job: its caller hears that there is no answer.
            if catch_unwind(AssertUnwindSafe(|| job(&mut memory))).is_err() {
                memory.free();
            }
        }
    }

    fn next(&self, memory: &mut Memory) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            let (guard, waited) = self.wake.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = guard;
            if waited.timed_out() && queue.jobs.is_empty() {
                memory.free();
                queue = self
                    .wake
                    .wait_while(queue, |queue| queue.jobs.is_empty() && !queue.closed)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
