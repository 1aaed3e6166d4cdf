use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::random::Random;
use basalt_core::{Clock, Result, Timestamp};
use basalt_store::Store;
use basalt_store::jobs::{Job, Wanted};
use futures_util::FutureExt;
use tokio::sync::{Notify, watch};

use super::dead::{self, DeadLetter};
use super::flight::{Ended, Flight, Settling, label};
use super::{HELD, Handlers, Lane, Lanes, Outcome, backoff};

/// Jobs of one kind that the store hands out at once.
const CLAIM_MAX: usize = 100;
/// How long a runner waits when the store can't be read.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub struct RunnerOptions {
    /// Jobs under way at a time. Where all are taken, a kind that has none of them still gets one.
    pub concurrency: usize,
    /// How often the queue is looked at when nobody wakes the runner.
    pub poll: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self { concurrency: 256, poll: Duration::from_millis(500) }
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

    /// Something may be due that nobody enqueued just now: look. Forgetting to say so costs [`RunnerOptions::poll`].
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Runs until `stop` is true, then finishes what is under way.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let (mut flight, mut settling) = (Flight::default(), Settling::default());
        let mut hints = self.store.job_hints();
        let mut renewing = tokio::time::interval(HELD / 3);
        renewing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            hints.borrow_and_update();
            let pause = match self.turn(&mut flight, &mut settling).await {
                // There may be more: as soon as a slot is free.
                Ok(started) if started > 0 => Duration::ZERO,
                Ok(_) => self.options.poll,
                Err(error) => {
                    tracing::warn!(?error, "jobs can't be claimed or settled");
                    PAUSE
                }
            };
            let full = flight.len() >= self.options.concurrency;
            tokio::select! {
                () = flight.next(&mut settling) => {}
                _ = renewing.tick() => self.renew(&mut flight).await,
                () = self.wake.notified(), if !full => {}
                Ok(()) = hints.changed(), if !full => {}
                () = tokio::time::sleep(pause) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        self.land(&mut flight, &mut settling).await;
    }

    /// Does what is due now and what that makes due; how many tries that were.
    pub async fn run_due(&self) -> Result<usize> {
        let (mut flight, mut settling) = (Flight::default(), Settling::default());
        let mut tries = 0;
        loop {
            let started = self.turn(&mut flight, &mut settling).await?;
            flight.land(&mut settling).await;
            if started == 0 {
                return Ok(tries);
            }
            tries += started;
        }
    }

    /// Writes down what is over and claims as many as there are free slots; how many that were.
    async fn turn(&self, flight: &mut Flight, settling: &mut Settling) -> Result<usize> {
        flight.gather(settling);
        self.settle(settling).await?;
        let jobs = self.store.claim_due(self.wanted(flight), HELD).await?;
        let started = jobs.len();
        for job in jobs {
            let Some((lanes, name)) = self.handlers.of(&job.kind) else { continue };
            let (lanes, name) = (Arc::clone(lanes), name.to_owned());
            flight.start(job, Attempt { runner: self.clone(), lanes, name });
        }
        Ok(started)
    }

    /// What this node takes of each kind.
    fn wanted(&self, flight: &Flight) -> Wanted {
        let used: HashMap<String, usize> = flight.used().clone();
        let (handlers, mut free) = (Arc::clone(&self.handlers), self.options.concurrency.saturating_sub(flight.len()));
        Box::new(move |kind| {
            let Some((lanes, name)) = handlers.of(kind) else { return 0 };
            let used = used.get(kind).copied().unwrap_or(0);
            let open = lanes.lane(name).concurrency.clamp(1, Lane::CONCURRENCY_MAX).saturating_sub(used);
            // Whatever others take, each kind gets on.
            let least = usize::from(used == 0);
            let taken = open.min(CLAIM_MAX).min(free.max(least));
            free = free.saturating_sub(taken);
            u32::try_from(taken).unwrap_or(0)
        })
    }

    async fn settle(&self, settling: &mut Settling) -> Result<()> {
        if !settling.is_empty() {
            // A lease that is lost meanwhile is another's to settle.
            self.store.settle_jobs(&settling.done, &settling.again).await?;
            *settling = Settling::default();
        }
        Ok(())
    }

    /// Finishes what is under way.
    async fn land(&self, flight: &mut Flight, settling: &mut Settling) {
        let mut renewing = tokio::time::interval(HELD / 3);
        while flight.len() > 0 {
            tokio::select! {
                () = flight.next(settling) => {}
                _ = renewing.tick() => self.renew(flight).await,
            }
        }
        if let Err(error) = self.settle(settling).await {
            tracing::warn!(?error, "jobs can't be settled: they are done once more");
        }
    }

    /// Keeps the leases from running out.
    async fn renew(&self, flight: &mut Flight) {
        let jobs = flight.jobs();
        if jobs.is_empty() {
            return;
        }
        match self.store.renew_jobs(&jobs, HELD).await {
            Ok(lost) => flight.lost(&lost),
            Err(error) => tracing::warn!(?error, "leases of jobs can't be renewed"),
        }
    }
}

/// One try of a job, and what follows from it.
pub(super) struct Attempt {
    runner: Runner,
    lanes: Arc<dyn Lanes>,
    name: String,
}

impl Attempt {
    pub(super) async fn settle(&self, job: &Job) -> Ended {
        let lane = self.lanes.lane(&self.name);
        let outcome = self.outcome(job, lane.timeout).await;
        metrics::counter!("basalt_jobs_total", "kind" => job.kind.clone(), "outcome" => label(&outcome)).increment(1);
        let now = self.runner.clock.now();
        match outcome {
            Outcome::Done => Ended::Over,
            Outcome::Retry { at, error } if job.attempt < lane.tries => {
                let at = at.unwrap_or_else(|| now.plus(backoff::pause(job.attempt, self.runner.random.as_ref())));
                tracing::info!(job = job.id, kind = job.kind, attempt = job.attempt, %at, error, "a job is tried again");
                Ended::Again { at, error }
            }
            Outcome::Retry { error, .. } | Outcome::Dead { error } => self.bury(job, error, now).await,
        }
    }

    /// A try ends in time; a panic is a failure of this job alone.
    async fn outcome(&self, job: &Job, limit: Duration) -> Outcome {
        let caught = AssertUnwindSafe(self.lanes.run(&self.name, job)).catch_unwind();
        match tokio::time::timeout(limit, caught).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Retry { at: None, error: "the handler panicked".to_owned() },
            Err(_) => Outcome::Retry { at: None, error: format!("not done within {limit:?}") },
        }
    }

    /// Keeps it, then takes it out of the queue: in this order, so that dying in between loses nothing.
    async fn bury(&self, job: &Job, error: String, now: Timestamp) -> Ended {
        tracing::error!(job = job.id, kind = job.kind, attempt = job.attempt, error, "a job is dead");
        metrics::counter!("basalt_dead_letters_total", "kind" => job.kind.clone()).increment(1);
        match self.keep(job, &error, now).await {
            Ok(letter) => {
                self.lanes.died(&self.name, job, &letter).await;
                Ended::Over
            }
            Err(error) => {
                tracing::warn!(?error, job = job.id, kind = job.kind, "a dead letter can't be stored");
                Ended::Left
            }
        }
    }

    async fn keep(&self, job: &Job, error: &str, now: Timestamp) -> Result<DeadLetter> {
        let letter = DeadLetter::of(job, error, now)?;
        dead::keep(&self.runner.store, &letter, self.runner.random.as_ref()).await?;
        Ok(letter)
    }
}
