use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use basalt_core::Timestamp;
use basalt_store::jobs::{Again, Job};
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Outcome;
use super::runner::Attempt;

/// What is to be written of jobs whose tries are over.
#[derive(Default)]
pub(super) struct Settling {
    pub(super) done: Vec<Arc<Job>>,
    pub(super) again: Vec<Again>,
}

impl Settling {
    pub(super) fn is_empty(&self) -> bool {
        self.done.is_empty() && self.again.is_empty()
    }
}

/// How a try ended.
pub(super) enum Ended {
    /// To be removed: it is done, or kept as a dead letter.
    Over,
    Again {
        at: Timestamp,
        error: String,
    },
    /// It is another's by now, or what became of it can't be stored: its lease runs out, and it comes back.
    Left,
}

/// A job under way.
struct Held {
    /// As it was claimed last: its token is what it is settled with.
    job: Arc<Job>,
    /// Which of the tries of this node.
    serial: u64,
    /// Ends the try when it is dropped: the job is another's.
    _ours: oneshot::Sender<()>,
}

/// The jobs that are under way on a node.
#[derive(Default)]
pub(super) struct Flight {
    tasks: JoinSet<(i64, u64, Ended)>,
    /// By id.
    held: HashMap<i64, Held>,
    /// By kind.
    used: HashMap<String, usize>,
    serial: u64,
}

impl Flight {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Under way of each kind.
    pub(super) fn used(&self) -> &HashMap<String, usize> {
        &self.used
    }

    pub(super) fn start(&mut self, job: Job, attempt: Attempt) {
        if let Some(held) = self.held.get_mut(&job.id) {
            // The lease ran out before it was renewed (the clock went on by much), and nobody else came: the try that
            // is under way goes on under the new token.
            held.job = Arc::new(Job { attempt: held.job.attempt, ..job });
            return;
        }
        let job = Arc::new(job);
        let (ours, lost) = oneshot::channel();
        self.serial += 1;
        let (id, serial) = (job.id, self.serial);
        *self.used.entry(job.kind.clone()).or_default() += 1;
        self.held.insert(id, Held { job: Arc::clone(&job), serial, _ours: ours });
        self.tasks.spawn(async move {
            let ended = tokio::select! {
                ended = AssertUnwindSafe(attempt.settle(&job)).catch_unwind() => ended.unwrap_or(Ended::Left),
                _ = lost => Ended::Left,
            };
            (id, serial, ended)
        });
    }

    /// Waits until a try is over; never where there is none.
    pub(super) async fn next(&mut self, settling: &mut Settling) {
        match self.tasks.join_next().await {
            Some(Ok(ended)) => self.ended(ended, settling),
            // Tries don't panic and aren't aborted.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }

    /// Takes what is over.
    pub(super) fn gather(&mut self, settling: &mut Settling) {
        while let Some(Ok(ended)) = self.tasks.try_join_next() {
            self.ended(ended, settling);
        }
    }

    /// Waits until nothing is under way.
    pub(super) async fn land(&mut self, settling: &mut Settling) {
        while !self.tasks.is_empty() {
            self.next(settling).await;
        }
    }

    pub(super) fn jobs(&self) -> Vec<Arc<Job>> {
        self.held.values().map(|held| Arc::clone(&held.job)).collect()
    }

    /// These are others' by now.
    pub(super) fn lost(&mut self, ids: &[i64]) {
        for id in ids {
            if let Some(held) = self.forget(*id) {
                tracing::warn!(job = id, kind = held.job.kind, "a job was taken over");
            }
        }
    }

    fn ended(&mut self, (id, serial, ended): (i64, u64, Ended), settling: &mut Settling) {
        if self.held.get(&id).is_none_or(|held| held.serial != serial) {
            return;
        }
        let Some(Held { job, .. }) = self.forget(id) else { return };
        match ended {
            Ended::Over => settling.done.push(job),
            Ended::Again { at, error } => settling.again.push(Again { job, at, error }),
            Ended::Left => {}
        }
    }

    fn forget(&mut self, id: i64) -> Option<Held> {
        let held = self.held.remove(&id)?;
        if let Some(used) = self.used.get_mut(&held.job.kind) {
            *used -= 1;
            if *used == 0 {
                self.used.remove(&held.job.kind);
            }
        }
        Some(held)
    }
}

pub(super) fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Retry { .. } => "retry",
        Outcome::Dead { .. } => "dead",
    }
}
