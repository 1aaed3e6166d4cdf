use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::random::Random;
use basalt_core::{Clock, Result};
use basalt_store::Store;
use basalt_store::jobs::Job;
use futures_util::FutureExt;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::{HELD, Handler, Handlers, Outcome, backoff, dead};

/// Jobs that the store hands out at once.
const CLAIM_MAX: usize = 100;
/// How long a runner waits when the store can't be read.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub struct RunnerOptions {
    /// Jobs under way at a time.
    pub concurrency: usize,
    /// How often the queue is looked at when nobody wakes the runner.
    pub poll: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self { concurrency: 32, poll: Duration::from_millis(500) }
    }
}

/// Claims due jobs and has them done; cheap to clone.
#[derive(Clone)]
pub struct Runner {
    store: Store,
    handlers: Arc<Handlers>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    options: RunnerOptions,
    wake: Arc<Notify>,
}

impl Runner {
    pub fn new(
        store: Store,
        handlers: Handlers,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: RunnerOptions,
    ) -> Self {
        Self { store, handlers: Arc::new(handlers), clock, random, options, wake: Arc::new(Notify::new()) }
    }

    /// Something was enqueued: look now. Forgetting to say so costs [`RunnerOptions::poll`].
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Runs until `stop` is true, then finishes what is under way.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut under_way = JoinSet::new();
        while !*stop.borrow() {
            let pause = match self.start_due(&mut under_way).await {
                // There may be more: as soon as a slot is free.
                Ok(started) if started > 0 => Duration::ZERO,
                Ok(_) => self.options.poll,
                Err(error) => {
                    tracing::warn!(?error, "jobs can't be claimed");
                    PAUSE
                }
            };
            let full = under_way.len() >= self.options.concurrency;
            tokio::select! {
                Some(_) = under_way.join_next() => {}
                () = self.wake.notified(), if !full => {}
                () = tokio::time::sleep(pause), if !full => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Does what is due now and what that makes due; how many tries that were.
    pub async fn run_due(&self) -> Result<usize> {
        let mut tries = 0;
        loop {
            let mut under_way = JoinSet::new();
            let started = self.start_due(&mut under_way).await?;
            while under_way.join_next().await.is_some() {}
            if started == 0 {
                return Ok(tries);
            }
            tries += started;
        }
    }

    /// Claims as many as there are free slots.
    async fn start_due(&self, under_way: &mut JoinSet<()>) -> Result<usize> {
        let mut started = 0;
        for (lease, kinds) in self.handlers.by_lease() {
            let free = self.options.concurrency.saturating_sub(under_way.len()).min(CLAIM_MAX);
            let Ok(limit @ 1..) = u32::try_from(free) else { break };
            for job in self.store.claim_jobs(&kinds, limit, lease).await? {
                let Some(handler) = self.handlers.get(&job.kind).map(Arc::clone) else { continue };
                let runner = self.clone();
                under_way.spawn(async move { runner.settle(&job, handler.as_ref()).await });
                started += 1;
            }
        }
        Ok(started)
    }

    /// One try, and what follows from it. If even that can't be said, the lease runs out and the job comes back.
    async fn settle(&self, job: &Job, handler: &dyn Handler) {
        let outcome = tokio::select! {
            outcome = attempt(job, handler) => outcome,
            // Whoever took it over says what becomes of it.
            () = self.hold(job) => return,
        };
        metrics::counter!("basalt_jobs_total", "kind" => job.kind.clone(), "outcome" => label(&outcome)).increment(1);
        if let Err(error) = self.conclude(job, handler.tries(), outcome).await {
            tracing::warn!(?error, job = job.id, kind = job.kind, "the outcome of a job can't be stored");
        }
    }

    /// Keeps the lease from running out; ends when the job is another's.
    async fn hold(&self, job: &Job) {
        loop {
            tokio::time::sleep(HELD / 3).await;
            match self.store.renew_job(job, HELD).await {
                Ok(true) => {}
                Ok(false) => return tracing::warn!(job = job.id, kind = job.kind, "a job was taken over"),
                Err(error) => tracing::warn!(?error, job = job.id, kind = job.kind, "a lease can't be renewed"),
            }
        }
    }

    async fn conclude(&self, job: &Job, tries: u32, outcome: Outcome) -> Result<()> {
        let now = self.clock.now();
        match outcome {
            Outcome::Done => {
                self.store.complete_jobs(std::slice::from_ref(job)).await?;
            }
            Outcome::Retry { at, error } if job.attempt < tries => {
                let at = at.unwrap_or_else(|| now.plus(backoff::pause(job.attempt, self.random.as_ref())));
                tracing::info!(job = job.id, kind = job.kind, attempt = job.attempt, %at, error, "a job is tried again");
                self.store.retry_job(job, at, &error).await?;
            }
            Outcome::Retry { error, .. } | Outcome::Dead { error } => {
                tracing::error!(job = job.id, kind = job.kind, attempt = job.attempt, error, "a job is dead");
                dead::bury(&self.store, job, &error, now).await?;
            }
        }
        Ok(())
    }
}

/// A try ends before its lease does; a panic is a failure of this job alone.
async fn attempt(job: &Job, handler: &dyn Handler) -> Outcome {
    let limit = handler.lease().mul_f64(0.9);
    let caught = AssertUnwindSafe(handler.run(job)).catch_unwind();
    match tokio::time::timeout(limit, caught).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::Retry { at: None, error: "the handler panicked".to_owned() },
        Err(_) => Outcome::Retry { at: None, error: format!("not done within {limit:?}") },
    }
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Retry { .. } => "retry",
        Outcome::Dead { .. } => "dead",
    }
}
