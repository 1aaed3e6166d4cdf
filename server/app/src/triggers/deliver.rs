//! Deliveries: the jobs that triggers enqueue, a lane for each target.

use std::time::Duration;

use basalt_core::random;
use basalt_data::events::{Delivery, Event, Received, Receiver, Target};
use basalt_data::jobs::{JobFuture, Lane, Lanes, Outcome};
use basalt_store::jobs::Job;
use std::sync::Arc;

use super::traced::Traced;
use super::{Triggers, measure};

/// The family of the jobs that bring an event to a target: `event/function/wordCount`.
pub const FAMILY: &str = "event";
/// For so long a target that isn't known may be one that this node has not heard of yet.
const NEW: Duration = Duration::from_mins(1);
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// A target ends its try itself, with an error of its own; this is for one that doesn't.
const GRACE: Duration = Duration::from_secs(5);
/// What happens to the events of a target that is gone.
const NOBODYS: Lane = Lane { concurrency: 8, tries: u32::MAX, timeout: Duration::from_secs(10) };

pub(super) fn kind(target: &Target) -> String {
    format!("{FAMILY}/{target}")
}

pub struct Deliveries(Triggers);

impl Deliveries {
    pub(super) fn new(triggers: Triggers) -> Self {
        Self(triggers)
    }

    fn receiver(&self, target: &Target) -> Option<&Arc<dyn Receiver>> {
        self.0.0.parts.receivers.get(&target.kind)
    }

    async fn deliver(&self, name: &str, job: &Job) -> Outcome {
        let Some(target) = Target::parse(name) else {
            return Outcome::Dead { error: format!("{name:?} is no target") };
        };
        let mut event = match serde_json::from_value::<Event>(job.payload.clone()) {
            Ok(event) => event,
            Err(error) => return Outcome::Dead { error: format!("the stored event can't be read: {error}") },
        };
        let receiver = self.receiver(&target).filter(|receiver| receiver.lane(&target).is_some());
        let Some(receiver) = receiver else { return self.unknown(job) };
        let invocation = self.0.db().new_id().to_string();
        let traced = Traced::begin(&self.0.0.parts, &target, &mut event, job.attempt);
        let delivery = Delivery { target, event, attempt: job.attempt, invocation };
        let came_to = receiver.receive(&delivery).await;
        if let Some(traced) = traced {
            traced.end(&self.0.0.parts, &came_to);
        }
        match came_to {
            Received::Done => Outcome::Done,
            Received::Retry { at, error } => Outcome::Retry { at, error },
            Received::Refused { error } => Outcome::Dead { error },
            Received::Gone => self.unknown(job),
        }
    }

    /// The target is gone, or too new for this node to know.
    fn unknown(&self, job: &Job) -> Outcome {
        let now = self.0.db().now();
        if now.since(job.enqueued_at) > NEW {
            return Outcome::Done;
        }
        // Spread a little, so that they don't come back all at once.
        let spread = u64::from(random::bytes::<1>(self.0.db().random())[0]) * 4;
        let at = now.plus(ASK_AGAIN + Duration::from_millis(spread));
        Outcome::Retry { at: Some(at), error: "there is no such target".to_owned() }
    }
}

impl Lanes for Deliveries {
    fn lane(&self, name: &str) -> Lane {
        let lane = Target::parse(name).and_then(|target| self.receiver(&target)?.lane(&target));
        lane.map_or(NOBODYS, |lane| Lane {
            concurrency: lane.concurrency,
            tries: lane.tries,
            timeout: lane.timeout + GRACE,
        })
    }

    fn run<'a>(&'a self, name: &'a str, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            let outcome = self.deliver(name, job).await;
            let label = match &outcome {
                Outcome::Done => "done",
                Outcome::Retry { .. } => "retry",
                Outcome::Dead { .. } => "refused",
            };
            measure::delivered(name, label);
            outcome
        })
    }
}
