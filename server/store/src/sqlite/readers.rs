//! Reading: points inline, on a connection that a thread has to itself most of the time; long reads on threads of
//! their own, so that they hold up no request's thread.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use basalt_core::{Code, Error, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::open_reader;
use super::error::map;
use super::writer::gone;

/// Connections for inline reads. Threads share one only where there are more threads than these.
const SLOTS: usize = 64;
/// Long reads that wait; more are refused as overload.
const QUEUE: usize = 1_024;

type Work = Box<dyn FnOnce(&Connection) + Send>;

pub(crate) struct Readers {
    path: PathBuf,
    slots: Vec<Mutex<Option<Connection>>>,
    queue: Mutex<Option<SyncSender<Work>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    closed: AtomicBool,
}

static NEXT_SLOT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SLOT: usize = NEXT_SLOT.fetch_add(1, Ordering::Relaxed) % SLOTS;
}

impl Readers {
    pub(crate) fn open(path: &Path, read_time: Duration) -> Result<Self> {
        let (queue, work) = sync_channel::<Work>(QUEUE);
        let work = Arc::new(Mutex::new(work));
        let count = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 8);
        let threads = (0..count).map(|n| reader(n, path, &work, read_time)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            path: path.to_owned(),
            slots: (0..SLOTS).map(|_| Mutex::new(None)).collect(),
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new(threads),
            closed: AtomicBool::new(false),
        })
    }

    /// Runs a short read here and now.
    pub(crate) fn inline<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut slot = lock(&self.slots[SLOT.with(|slot| *slot)]);
        if self.closed.load(Ordering::Acquire) {
            return Err(gone());
        }
        let connection = match slot.take() {
            Some(connection) => connection,
            None => open_reader(&self.path)?,
        };
        read(slot.insert(connection))
    }

    /// Runs a read that may be long on one of the reader threads.
    pub(crate) async fn pooled<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| drop(reply.send(read(connection))));
        let queue = lock(&self.queue).clone().ok_or_else(gone)?;
        queue.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => {
                Error::new(Code::Overloaded, "Too many queries are waiting.").retry_after(Duration::from_secs(1))
            }
            TrySendError::Disconnected(_) => gone(),
        })?;
        answer.await.map_err(|_| gone())?
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        drop(lock(&self.queue).take());
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            if thread.join().is_err() {
                tracing::error!("a reader thread panicked");
            }
        }
        for slot in &self.slots {
            drop(lock(slot).take());
        }
    }
}

fn reader(n: usize, path: &Path, work: &Arc<Mutex<Receiver<Work>>>, read_time: Duration) -> Result<JoinHandle<()>> {
    let connection = open_reader(path)?;
    let deadline = Deadline::new(read_time);
    deadline.watch(&connection)?;
    let work = Arc::clone(work);
    let serve = move || {
        loop {
            let next = lock(&work).recv();
            let Ok(work) = next else { break };
            deadline.start();
            work(&connection);
        }
    };
    std::thread::Builder::new().name(format!("basalt-reader-{n}")).spawn(serve).map_err(Error::internal)
}

/// Interrupts statements that read for too long.
struct Deadline {
    base: Instant,
    at_millis: Arc<AtomicU64>,
    read_time: Duration,
}

impl Deadline {
    fn new(read_time: Duration) -> Self {
        Self { base: Instant::now(), at_millis: Arc::new(AtomicU64::new(u64::MAX)), read_time }
    }

    fn watch(&self, connection: &Connection) -> Result<()> {
        const OPERATIONS_BETWEEN_LOOKS: i32 = 20_000;
        let (base, at) = (self.base, Arc::clone(&self.at_millis));
        let late = move || base.elapsed() >= Duration::from_millis(at.load(Ordering::Relaxed));
        connection.progress_handler(OPERATIONS_BETWEEN_LOOKS, Some(late)).map_err(|error| map(&error))
    }

    fn start(&self) {
        let at = (self.base.elapsed() + self.read_time).as_millis();
        self.at_millis.store(u64::try_from(at).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
