use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

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
    Again(Again),
    /// It is another's by now, or what became of it can't be stored: its lease runs out, and it comes back.
    Left,
}

/// A job under way.
struct Held {
    job: Arc<Job>,
    /// Ends the try when it is dropped: the job is another's.
    _ours: oneshot::Sender<()>,
}

/// The jobs that are under way on a node.
#[derive(Default)]
pub(super) struct Flight {
    tasks: JoinSet<(i64, i64, Ended)>,
    /// By id and token.
    held: HashMap<(i64, i64), Held>,
    /// By kind.
    used: HashMap<String, usize>,
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
        let job = Arc::new(job);
        let (ours, lost) = oneshot::channel();
        let place = (job.id, job.token);
        // An earlier try of ours whose lease ran out: it is this one's now.
        let before: Vec<(i64, i64)> = self.held.keys().filter(|(id, _)| *id == job.id).copied().collect();
        before.into_iter().for_each(|place| self.forget(place));
        *self.used.entry(job.kind.clone()).or_default() += 1;
        self.held.insert(place, Held { job: Arc::clone(&job), _ours: ours });
        self.tasks.spawn(async move {
            let ended = tokio::select! {
                ended = AssertUnwindSafe(attempt.settle(&job)).catch_unwind() => ended.unwrap_or(Ended::Left),
                _ = lost => Ended::Left,
            };
            (place.0, place.1, ended)
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
        let lost: Vec<(i64, i64)> = self.held.keys().filter(|(id, _)| ids.contains(id)).copied().collect();
        for place in lost {
            tracing::warn!(job = place.0, "a job was taken over");
            self.forget(place);
        }
    }

    fn ended(&mut self, (id, token, ended): (i64, i64, Ended), settling: &mut Settling) {
        let Some(held) = self.held.get(&(id, token)) else { return };
        let job = Arc::clone(&held.job);
        self.forget((id, token));
        match ended {
            Ended::Over => settling.done.push(job),
            Ended::Again(again) => settling.again.push(again),
            Ended::Left => {}
        }
    }

    fn forget(&mut self, place: (i64, i64)) {
        let Some(held) = self.held.remove(&place) else { return };
        if let Some(used) = self.used.get_mut(&held.job.kind) {
            *used -= 1;
            if *used == 0 {
                self.used.remove(&held.job.kind);
            }
        }
    }
}

pub(super) fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Retry { .. } => "retry",
        Outcome::Dead { .. } => "dead",
    }
}
