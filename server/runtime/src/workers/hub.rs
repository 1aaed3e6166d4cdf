//! What the parts of [`super::Workers`] share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use basalt_core::{Clock, Code as ErrorCode, Error, Result};
use tokio::sync::oneshot;

use super::keeper::Errand;
use super::metrics;
use super::options::WorkersOptions;
use super::pool::{Key, Pool, Seat, WorkerId};
use super::worker::{Event, UnderWay, Worker};
use crate::report::{Outcome, RuntimeStats};
use crate::wire::Ended;

pub(super) type Place = Seat<Arc<Worker>>;

pub(super) struct Hub {
    pub(super) options: WorkersOptions,
    pub(super) clock: Arc<dyn Clock>,
    pool: Mutex<Pool<Arc<Worker>, oneshot::Sender<Place>>>,
    /// Workers that compile, and nothing else.
    alone: Mutex<HashMap<WorkerId, Arc<Worker>>>,
    errands: mpsc::Sender<Errand>,
    base: Instant,
    /// When the keeper looks next, in microseconds since `base`.
    planned: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) cold_starts: AtomicU64,
}

impl Hub {
    pub(super) fn new(options: WorkersOptions, clock: Arc<dyn Clock>, errands: mpsc::Sender<Errand>) -> Self {
        let pool = Pool::new(options.workers, options.spread(), options.instances);
        Self {
            options,
            clock,
            pool: Mutex::new(pool),
            alone: Mutex::default(),
            errands,
            base: Instant::now(),
            planned: AtomicU64::new(u64::MAX),
            lost: AtomicU64::new(0),
            cold_starts: AtomicU64::new(0),
        }
    }

    pub(super) fn pool(&self) -> MutexGuard<'_, Pool<Arc<Worker>, oneshot::Sender<Place>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn alone(&self) -> MutexGuard<'_, HashMap<WorkerId, Arc<Worker>>> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, errand: Errand) {
        // The keeper is there for as long as anybody calls.
        let _ = self.errands.send(errand);
    }

    /// A place for a call, awaited for as long as it may be.
    pub(super) async fn place(&self, key: &Key) -> Option<Place> {
        let waiting = {
            let mut pool = self.pool();
            if let Some(place) = pool.take(key, &|worker| worker.is_silent()) {
                if pool.start_another() {
                    self.send(Errand::Start);
                }
                return Some(place);
            }
            let (give, take) = oneshot::channel();
            pool.wait(key, give);
            if pool.start_another() {
                self.send(Errand::Start);
            }
            take
        };
        let mut waiting = Waiting { hub: self, place: waiting };
        tokio::time::timeout(self.options.wait, &mut waiting.place).await.ok()?.ok()
    }

    pub(super) fn stats(&self) -> RuntimeStats {
        let pool = self.pool();
        RuntimeStats {
            workers: pool.workers(),
            instances: pool.idle() + pool.calls(),
            calls: pool.calls(),
            waiting: pool.waiting(),
            lost: self.lost.load(Ordering::Relaxed),
            cold_starts: self.cold_starts.load(Ordering::Relaxed),
        }
    }

    /// Serves those who wait.
    pub(super) fn settle(&self) {
        loop {
            let placed = self.pool().settle(&|worker| worker.is_silent());
            let mut returned = false;
            for (who, place) in placed {
                // Who has stopped waiting gives the place back.
                if let Err(place) = who.send(place) {
                    self.give_back(&place);
                    returned = true;
                }
            }
            if self.pool().start_another() {
                self.send(Errand::Start);
            }
            if !returned {
                return;
            }
        }
    }

    fn give_back(&self, place: &Place) {
        let forgotten = self.pool().leave(place.worker, &place.key, false, Instant::now());
        forget(forgotten);
    }

    /// Sends nothing yet, but from now on the keeper watches the call.
    /// False where the worker is on its way out.
    pub(super) fn enter(&self, worker: &Worker, call: u32, under_way: UnderWay) -> bool {
        let look = if under_way.cpu_is_short() { CPU_LOOK } else { MEMORY_LOOK };
        let moment = self.microseconds(under_way.hard.min(Instant::now() + look));
        let entered = worker.enter(call, under_way);
        if moment < self.planned.load(Ordering::SeqCst) {
            self.send(Errand::Look);
        }
        entered
    }

    pub(super) fn plan(&self, next: Option<Instant>) {
        self.planned.store(next.map_or(u64::MAX, |next| self.microseconds(next)), Ordering::SeqCst);
    }

    fn microseconds(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.base).as_micros()).unwrap_or(u64::MAX)
    }

    /// A call is over in its worker.
    pub(super) fn ended(&self, worker: WorkerId, key: &Key, ended: &Ended) {
        if ended.cold {
            self.cold_starts.fetch_add(1, Ordering::Relaxed);
            metrics::cold_start();
        }
        let forgotten = self.pool().leave(worker, key, ended.kept, Instant::now());
        forget(forgotten);
        self.settle();
    }

    /// A worker is gone, or is about to be: its calls end, those that were over their limits by `judge` and the others as
    /// lost.
    pub(super) fn lose(&self, worker: &Worker, judge: impl Fn(&UnderWay) -> Option<Outcome>) {
        let was_in = self.pool().remove(worker.id).is_some() || self.alone().remove(&worker.id).is_some();
        let calls = worker.close_calls();
        if was_in && !calls.is_empty() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            metrics::lost();
        }
        for call in calls.into_values() {
            let outcome = judge(&call).unwrap_or(Outcome::WorkerLost);
            let _ = call.events.send(Event::Lost(outcome));
        }
        self.settle();
    }

    /// A worker of one's own.
    pub(super) async fn start_alone(&self) -> Result<Arc<Worker>> {
        let (give, take) = oneshot::channel();
        self.send(Errand::StartAlone(give));
        take.await.map_err(|_| Error::new(ErrorCode::Unavailable, "the server is stopping"))?
    }

    /// Whatever it does at the moment.
    pub(super) fn end_alone(&self, worker: &Worker) {
        self.alone().remove(&worker.id);
        worker.close();
        self.send(Errand::Gone(worker.id));
    }
}

pub(super) fn forget(forgotten: Vec<(Arc<Worker>, u32)>) {
    for (worker, version) in forgotten {
        worker.forget(version);
    }
}

/// Gives a place back that came when nobody waited any longer.
struct Waiting<'a> {
    hub: &'a Hub,
    place: oneshot::Receiver<Place>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.place.close();
        if let Ok(place) = self.place.try_recv() {
            self.hub.give_back(&place);
            self.hub.settle();
        }
    }
}

/// Between two looks at a worker's processor time, and at its memory.
pub(super) const CPU_LOOK: Duration = Duration::from_millis(20);
pub(super) const MEMORY_LOOK: Duration = Duration::from_millis(100);
/// Slack of a deadline before the worker is killed for it.
pub(super) const GRACE: Duration = Duration::from_millis(25);
