//! Where pictures are worked on: on threads of their own, as many and as large at once as memory is given for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use basalt_core::{Code, Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{bad_image, too_slow};

/// Bytes are counted in pieces of this size, and a job takes one at least.
const PIECE: u64 = 64 << 10;

#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// What all running jobs may hold together. One that needs more alone runs alone.
    pub bytes: u64,
    /// Jobs at once.
    pub jobs: usize,
    /// Jobs that wait; one more is refused.
    pub queue: usize,
    /// From asking to the end.
    pub time: Duration,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { bytes: 128 << 20, jobs: 2, queue: 64, time: Duration::from_secs(15) }
    }
}

/// Cheap to clone; all clones share one capacity.
#[derive(Clone)]
pub struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    capacity: Capacity,
    /// Whoever waits, or runs, has one.
    places: Arc<Semaphore>,
    jobs: Arc<Semaphore>,
    pieces: Arc<Semaphore>,
    panics: AtomicU64,
    most: AtomicU64,
}

/// The right to run one job, counted until the job has ended.
pub struct Turn {
    shared: Arc<Shared>,
    end: Instant,
    held: [OwnedSemaphorePermit; 3],
}

impl Workers {
    pub fn new(capacity: Capacity) -> Self {
        let capacity = Capacity { jobs: capacity.jobs.max(1), bytes: capacity.bytes.max(PIECE), ..capacity };
        let pieces = usize::try_from(capacity.bytes / PIECE).unwrap_or(Semaphore::MAX_PERMITS);
        let semaphore = |size: usize| Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        let shared = Shared {
            capacity,
            places: semaphore(capacity.jobs.saturating_add(capacity.queue)),
            jobs: semaphore(capacity.jobs),
            pieces: semaphore(pieces),
            panics: AtomicU64::new(0),
            most: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Waits until `bytes` are free: 503 `overloaded` at once where too many wait already, `timeout` when the time is
    /// over before.
    pub async fn admit(&self, bytes: u64) -> Result<Turn> {
        let shared = Arc::clone(&self.shared);
        let end = Instant::now() + shared.capacity.time;
        let place = Arc::clone(&shared.places).try_acquire_owned().map_err(|_| overloaded())?;
        let waited = tokio::time::timeout(shared.capacity.time, async {
            let job = Arc::clone(&shared.jobs).acquire_owned().await.map_err(Error::internal)?;
            let pieces = Arc::clone(&shared.pieces).acquire_many_owned(shared.pieces_of(bytes));
            Ok::<_, Error>([place, job, pieces.await.map_err(Error::internal)?])
        });
        let held = waited.await.map_err(|_| too_slow())??;
        shared.note();
        Ok(Turn { shared, end, held })
    }

    /// How many jobs ended in a panic so far, each of which its caller heard of as `bad_image`.
    pub fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }

    /// The most bytes that were ever counted at once.
    pub fn most_bytes(&self) -> u64 {
        self.shared.most.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn pieces_of(&self, bytes: u64) -> u32 {
        let pieces = bytes.div_ceil(PIECE).clamp(1, self.capacity.bytes / PIECE);
        u32::try_from(pieces).unwrap_or(u32::MAX)
    }

    fn note(&self) {
        let free = self.pieces.available_permits() as u64 * PIECE;
        self.most.fetch_max(self.capacity.bytes.saturating_sub(free), Ordering::Relaxed);
    }
}

impl Turn {
    /// Runs a job on a thread of its own; it is told when it has to be done, and asks between its stages.
    ///
    /// One that isn't done then is not waited for, but its bytes count until it is.
    pub async fn run<T: Send + 'static>(self, job: impl FnOnce(Instant) -> Result<T> + Send + 'static) -> Result<T> {
        let Self { shared, end, held } = self;
        let work = tokio::task::spawn_blocking(move || {
            let done = catch_unwind(AssertUnwindSafe(|| job(end)));
            drop(held);
            done.unwrap_or_else(|_| {
                shared.panics.fetch_add(1, Ordering::Relaxed);
                Err(bad_image("the codec panicked"))
            })
        });
        let done = tokio::time::timeout(end.saturating_duration_since(Instant::now()), work).await;
        done.map_err(|_| too_slow())?.map_err(Error::internal)?
    }
}

fn overloaded() -> Error {
    let error = Error::new(Code::Overloaded, "Too many pictures are being worked on; try again in a moment.");
    error.retry_after(Duration::from_secs(1))
}
