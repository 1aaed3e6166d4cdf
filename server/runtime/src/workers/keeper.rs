//! The keeper: one thread that starts workers, looks whether they keep their limits, and kills those that don't.
//!
//! A thread of its own, since a worker dies with the thread that started it (so none outlives the server), and since no
//! work of the server's may make a kill late.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use basalt_core::{Code as ErrorCode, Error, Result};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::hub::{CPU_LOOK, GRACE, Hub, MEMORY_LOOK};
use super::metrics;
use super::pool::WorkerId;
use super::process;
use super::worker::{Load, UnderWay, Worker};
use crate::report::Outcome;

/// Between two looks for workers that have nothing to do.
const SWEEP: Duration = Duration::from_secs(10);
/// What a worker may take beside what its calls may: the engine, the code, idle instances.
const OWN_BYTES: u64 = 512 << 20;
/// An idle worker that holds more is ended.
const IDLE_BYTES: u64 = 384 << 20;

pub(super) enum Errand {
    /// Another worker for the pool.
    Start,
    /// A worker that is nobody else's.
    StartAlone(oneshot::Sender<Result<Arc<Worker>>>),
    /// A worker's socket is closed.
    Gone(WorkerId),
    /// There is something to look at sooner than planned.
    Look,
    Stop,
}

pub(super) struct Keeper {
    hub: Arc<Hub>,
    runtime: Handle,
    children: HashMap<WorkerId, Child>,
    seen: HashMap<WorkerId, Seen>,
    last: WorkerId,
    swept: Instant,
}

/// How a worker was found at the last look.
#[derive(Clone, Copy)]
struct Seen {
    heard: u64,
    cpu: Duration,
}

impl Keeper {
    pub(super) fn new(hub: Arc<Hub>, runtime: Handle) -> Self {
        Self { hub, runtime, children: HashMap::new(), seen: HashMap::new(), last: 0, swept: Instant::now() }
    }

    pub(super) fn run(mut self, errands: &mpsc::Receiver<Errand>) {
        loop {
            // Whoever comes while it is looking around asks for another look.
            self.hub.plan(None);
            let next = self.look();
            self.hub.plan(next);
            let errand = match next {
                Some(next) => errands.recv_timeout(next.saturating_duration_since(Instant::now())),
                None => errands.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            };
            match errand {
                Ok(Errand::Start) => self.start_for_pool(),
                Ok(Errand::StartAlone(answer)) => self.start_alone(answer),
                Ok(Errand::Gone(worker)) => self.reap(worker),
                Ok(Errand::Look) | Err(mpsc::RecvTimeoutError::Timeout) => {}
                Ok(Errand::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        let workers: Vec<WorkerId> = self.children.keys().copied().collect();
        for worker in workers {
            self.reap(worker);
        }
    }

    fn start_for_pool(&mut self) {
        match self.start() {
            Ok(worker) => {
                let mut pool = self.hub.pool();
                pool.started(worker.id, Arc::clone(&worker), Instant::now());
                drop(pool);
                self.serve(worker);
                self.hub.settle();
            }
            Err(error) => {
                tracing::error!(%error, "a worker can't be started");
                // Their places never come: they are dropped, which tells them.
                drop(self.hub.pool().failed());
            }
        }
    }

    fn start_alone(&mut self, answer: oneshot::Sender<Result<Arc<Worker>>>) {
        let started = self
            .start()
            .map_err(|error| Error::new(ErrorCode::Unavailable, "no worker can be started").caused_by(error));
        if let Ok(worker) = &started {
            self.hub.alone().insert(worker.id, Arc::clone(worker));
            self.serve(Arc::clone(worker));
        }
        if let Err(Ok(worker)) = answer.send(started) {
            worker.close();
        }
    }

    fn start(&mut self) -> std::io::Result<Arc<Worker>> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&self.hub.options.program);
        command.arg0("basalt").arg("worker").env_clear().current_dir("/");
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::inherit());
        let mut child = command.spawn()?;
        self.last += 1;
        let guard = self.runtime.enter();
        let worker = Worker::new(self.last, child.id(), ours);
        drop(guard);
        match worker {
            Ok(worker) => {
                self.children.insert(self.last, child);
                Ok(Arc::new(worker))
            }
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The task ends with the worker's socket, which ends with the worker, which ends with this thread.
    fn serve(&self, worker: Arc<Worker>) {
        let hub = Arc::clone(&self.hub);
        self.runtime.spawn(async move {
            let ended = worker.serve(|key, ended| {
                if let Some(key) = key {
                    hub.ended(worker.id, &key, ended);
                }
            });
            let why = ended.await;
            if let Err(error) = why.as_ref().map_err(std::io::Error::kind).map_err(|kind| kind.to_string()) {
                tracing::debug!(worker = worker.id, error, "a worker's socket is closed");
            }
            hub.lose(&worker, |_| None);
            hub.send(Errand::Gone(worker.id));
        });
    }

    fn reap(&mut self, worker: WorkerId) {
        self.seen.remove(&worker);
        let Some(mut child) = self.children.remove(&worker) else { return };
        // One that has ended can't be killed, and needn't.
        let _ = child.kill();
        match child.wait() {
            Ok(status) => tracing::debug!(worker, %status, "a worker has ended"),
            Err(error) => tracing::warn!(worker, %error, "a worker can't be awaited"),
        }
    }

    /// Looks at all workers that have calls; says when to look again.
    fn look(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let mut workers: Vec<Arc<Worker>> = self.hub.pool().handles().cloned().collect();
        workers.extend(self.hub.alone().values().cloned());
        let next = workers.iter().filter_map(|worker| self.look_at(worker, now)).min();
        metrics::seen(&self.hub.stats());
        self.sweep(now);
        let sweep = (!self.children.is_empty()).then(|| self.swept + SWEEP);
        next.into_iter().chain(sweep).min()
    }

    fn look_at(&mut self, worker: &Worker, now: Instant) -> Option<Instant> {
        let Load { hard, cpu, memory, calls } = worker.load()?;
        if hard <= now {
            self.kill(worker, |call| (call.hard <= now).then_some(Outcome::TimedOut));
            return None;
        }
        if process::resident(worker.pid).is_some_and(|bytes| bytes > OWN_BYTES + memory) {
            self.kill(worker, |_| (calls == 1).then_some(Outcome::OutOfMemory));
            return None;
        }
        if let Some(least) = cpu {
            let used = self.silent_time(worker);
            if used > least + GRACE {
                self.kill(worker, |call| (call.cpu + GRACE < used).then_some(Outcome::TimedOut));
                return None;
            }
        }
        let look = if cpu.is_some() { CPU_LOOK } else { MEMORY_LOOK };
        Some(hard.min(now + look))
    }

    /// Processor time that a worker has taken since it last said something.
    fn silent_time(&mut self, worker: &Worker) -> Duration {
        let (heard, cpu) = (worker.heard(), process::cpu(worker.pid).unwrap_or_default());
        match self.seen.get(&worker.id) {
            Some(seen) if seen.heard == heard => cpu.saturating_sub(seen.cpu),
            _ => {
                self.seen.insert(worker.id, Seen { heard, cpu });
                Duration::ZERO
            }
        }
    }

    fn kill(&mut self, worker: &Worker, judge: impl Fn(&UnderWay) -> Option<Outcome>) {
        tracing::warn!(worker = worker.id, "a worker is killed: a call in it doesn't keep its limits");
        // The calls first: else its end would be told as a loss.
        self.hub.lose(worker, judge);
        self.reap(worker.id);
    }

    /// Ends workers that have had nothing to do for long, and those that hold on to too much.
    fn sweep(&mut self, now: Instant) {
        if now < self.swept + SWEEP {
            return;
        }
        self.swept = now;
        let Some(before) = now.checked_sub(self.hub.options.idle) else { return };
        let retired = self.hub.pool().retire(before);
        for worker in retired {
            worker.close();
        }
        let idle: Vec<Arc<Worker>> = self.hub.pool().handles().cloned().collect();
        for worker in idle {
            let large = process::resident(worker.pid).is_some_and(|bytes| bytes > IDLE_BYTES);
            if large && self.hub.pool().remove_idle(worker.id) {
                worker.close();
            }
        }
    }
}
