//! Runs of schedules: jobs, a lane for each schedule.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use basalt_core::{Caller, Error, Result, Timestamp};
use basalt_data::events::{Delivery, Event, Received, Target, TargetKind};
use basalt_data::jobs::{DeadLetter, JobFuture, Lane, Lanes, Outcome};
use basalt_data::manifest::ScheduleSection;
use basalt_store::NewJob;
use basalt_store::jobs::Job;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Schedules;
use super::state::{Run, RunState, State};
use crate::common::Tx;

/// The family of the jobs that runs are: `schedule/nightly`.
pub const FAMILY: &str = "schedule";
/// A function ends its run itself, with an error of its own; this is for one that doesn't.
const GRACE: Duration = Duration::from_secs(5);
/// For so long a function that isn't known may be one that this node has not heard of yet.
const NEW: Duration = Duration::from_mins(1);
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How often the end of a run is tried to be written down.
const NOTES: u32 = 3;
/// How runs of a function are done that nobody knows.
const NOBODYS: Lane = Lane { concurrency: 8, tries: 8, timeout: Duration::from_mins(15) };

/// What is to be run.
#[derive(Serialize, Deserialize)]
struct Payload {
    function: String,
    event: Event,
}

pub(super) fn job(name: &str, schedule: &ScheduleSection, run: &Run, now: Timestamp) -> Result<NewJob> {
    let doc = json!({
        "schedule": name, "scheduledAt": run.scheduled_at, "manual": run.manual, "input": schedule.input,
    });
    let doc = if let Value::Object(doc) = doc { doc } else { Map::new() };
    let event = Event::tick(name, run.id.clone(), doc, now);
    let payload = Payload { function: schedule.function.clone(), event };
    Ok(NewJob {
        kind: format!("{FAMILY}/{name}").into(),
        key: Some(run.id.clone()),
        order_key: None,
        payload: serde_json::to_value(payload).map_err(Error::internal)?,
        run_at: now,
    })
}

pub struct ScheduledRuns(Schedules);

impl ScheduledRuns {
    pub(super) fn new(schedules: Schedules) -> Self {
        Self(schedules)
    }

    async fn deliver(&self, name: &str, job: &Job) -> Outcome {
        let payload = match serde_json::from_value::<Payload>(job.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return Outcome::Dead { error: format!("the stored run can't be read: {error}") },
        };
        let Payload { function, event } = payload;
        let (id, invocation) = (event.id.clone(), self.0.db().new_id().to_string());
        let begun = (job.attempt, invocation.clone());
        self.note(name, &id, move |run, now| {
            run.state = RunState::Running;
            (run.attempts, run.invocation) = (begun.0, Some(begun.1.clone()));
            run.started_at = run.started_at.or(Some(now));
        })
        .await;
        let target = Target { kind: TargetKind::Function, name: function };
        let delivery = Delivery { target, event, attempt: job.attempt, invocation };
        match self.0.0.parts.receiver.receive(&delivery).await {
            Received::Done => {
                self.note(name, &id, |run, now| {
                    (run.state, run.finished_at, run.error) = (RunState::Succeeded, Some(now), None);
                })
                .await;
                Outcome::Done
            }
            Received::Retry { at, error } => self.again(name, &id, at, error).await,
            Received::Refused { error } => Outcome::Dead { error },
            Received::Gone => {
                let (now, error) = (self.0.db().now(), "There is no such function.".to_owned());
                if now.since(job.enqueued_at) > NEW {
                    return Outcome::Dead { error };
                }
                self.again(name, &id, Some(now.plus(ASK_AGAIN)), error).await
            }
        }
    }

    async fn again(&self, name: &str, id: &str, at: Option<Timestamp>, error: String) -> Outcome {
        let why = error.clone();
        self.note(name, id, move |run, _| {
            run.state = RunState::Queued;
            run.fail(&why);
        })
        .await;
        Outcome::Retry { at, error }
    }

    /// Writes down what becomes of a run.
    async fn note(&self, name: &str, id: &str, change: impl Fn(&mut Run, Timestamp) + Clone + Send + Sync + 'static) {
        for _ in 0..NOTES {
            let (name, id, change) = (name.to_owned(), id.to_owned(), change.clone());
            let decide = move |tx: &mut Tx<'_>| {
                let mut state = State::of(tx, &name)?;
                let now = tx.now();
                if let Some(run) = state.runs.iter_mut().find(|run| run.id == id) {
                    change(run, now);
                    state.write(tx, &name);
                }
                Ok(())
            };
            match self.0.db().commit(&Caller::system(self.0.db().now()), decide).await {
                Ok(_) => return,
                Err(error) => tracing::warn!(?error, "the run of a schedule can't be written down"),
            }
        }
    }
}

impl Lanes for ScheduledRuns {
    /// As the function's own events are done.
    fn lane(&self, name: &str) -> Lane {
        let function = self.0.function_of(name).map(|name| Target { kind: TargetKind::Function, name });
        let lane = function.and_then(|target| self.0.0.parts.receiver.lane(&target));
        lane.map_or(NOBODYS, |lane| Lane {
            concurrency: lane.concurrency,
            tries: lane.tries,
            timeout: lane.timeout + GRACE,
        })
    }

    fn run<'a>(&'a self, name: &'a str, job: &'a Job) -> JobFuture<'a> {
        Box::pin(self.deliver(name, job))
    }

    fn died<'a>(
        &'a self,
        name: &'a str,
        job: &'a Job,
        letter: &'a DeadLetter,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let Ok(Payload { event, .. }) = serde_json::from_value(job.payload.clone()) else { return };
            let error = letter.error.clone();
            self.note(name, &event.id, move |run, now| {
                (run.state, run.finished_at) = (RunState::Failed, Some(now));
                run.fail(&error);
            })
            .await;
        })
    }
}
