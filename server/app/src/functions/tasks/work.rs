//! The jobs of tasks and of calls for later.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use basalt_core::{Caller, Code, DocumentId, Error, Result};
use basalt_data::jobs::{DeadLetter, JobFuture, Lane, Lanes, Outcome};
use basalt_runtime::Input;
use basalt_store::CellKey;
use basalt_store::jobs::Job;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::KEPT_FOR;
use super::start::gone;
use super::state::{self, State, Status};
use crate::common::Tx;
use crate::functions::calls::{Calls, Remembered, Run, is_final, odd, told};
use crate::functions::{InvokedBy, LIVE, sticky};

/// Beyond the function's own time: until its turn comes, and to write down what became of it.
const GRACE: Duration = Duration::from_secs(15);
/// Of one function on one node; further ones wait in the queue of jobs.
const AT_ONCE: usize = 32;
/// A call for later isn't tried again for what the function does, but for what happens to it.
const CALL_TRIES: u32 = 4;

/// `task/NAME`
pub struct TaskLanes(pub Calls);

/// `invocation/NAME`
pub struct InvocationLanes(pub Calls);

#[derive(Deserialize)]
struct Payload {
    id: DocumentId,
    input: Value,
    caller: Remembered,
}

impl Lanes for TaskLanes {
    fn lane(&self, name: &str) -> Lane {
        self.0.lane_of(name, None)
    }

    fn run<'a>(&'a self, _: &'a str, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            match self.0.try_task(job).await {
                Ok(Some(Err(error))) if is_final(&error) => Outcome::Dead { error: told(&error) },
                Ok(Some(Err(error))) | Err(error) => Outcome::Retry { at: None, error: told(&error) },
                Ok(None | Some(Ok(_))) => Outcome::Done,
            }
        })
    }

    fn died<'a>(
        &'a self,
        _: &'a str,
        job: &'a Job,
        _: &'a DeadLetter,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            if let Err(error) = self.0.give_up(job).await {
                tracing::warn!(?error, job = job.id, "that a task failed can't be written down");
            }
        })
    }
}

impl Lanes for InvocationLanes {
    fn lane(&self, name: &str) -> Lane {
        self.0.lane_of(name, Some(CALL_TRIES))
    }

    fn run<'a>(&'a self, _: &'a str, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            let last = job.attempt >= CALL_TRIES;
            match self.0.try_call(job, last).await {
                Ok(Some(Err(error))) if is_passing(&error) && !last => Outcome::Retry { at: None, error: told(&error) },
                Ok(_) => Outcome::Done,
                Err(error) => Outcome::Retry { at: None, error: told(&error) },
            }
        })
    }
}

/// What another try may not meet.
fn is_passing(error: &Error) -> bool {
    matches!(error.code(), Code::FunctionBusy | Code::FunctionWorkerLost | Code::Overloaded | Code::Unavailable)
}

/// What a function's try came to; `None`: there was nothing to do.
type Tried = Option<Result<Option<Bytes>>>;

impl Calls {
    fn lane_of(&self, name: &str, tries: Option<u32>) -> Lane {
        let deployed = self.registry.deployed();
        let config = deployed.function(name).and_then(|function| function.newest_live()).map(|live| &live.config);
        let tries = tries.or_else(|| config.map(|config| config.retries.saturating_add(1))).unwrap_or(1);
        let timeout = config.map_or(Duration::from_mins(1), |config| config.timeout).saturating_add(GRACE);
        let concurrency = config.map_or(1, |config| config.concurrency.clamp(1, AT_ONCE));
        Lane { concurrency, tries, timeout }
    }

    async fn try_task(&self, job: &Job) -> Result<Tried> {
        let Payload { id, input, caller } = serde_json::from_value(job.payload.clone()).map_err(|error| odd(&error))?;
        let cell = state::task(&id);
        let Some(state) = self.start(&cell, job.attempt).await? else { return Ok(None) };
        let nobody = caller.nobody(self.db.now());
        let outcome = self.run_later(&state, &id, nobody, input, (InvokedBy::Task, job.attempt)).await;
        self.write(&cell, &outcome, outcome.is_err()).await?;
        Ok(Some(outcome))
    }

    async fn try_call(&self, job: &Job, last: bool) -> Result<Tried> {
        let Payload { id, input, caller } = serde_json::from_value(job.payload.clone()).map_err(|error| odd(&error))?;
        let cell = state::invocation(&id);
        let Some(state) = self.start(&cell, job.attempt).await? else { return Ok(None) };
        let outcome = match self.recall(&caller).await {
            Ok(caller) => self.run_later(&state, &id, caller, input, (InvokedBy::Call, job.attempt)).await,
            Err(error) => Err(error),
        };
        let again = outcome.as_ref().is_err_and(is_passing) && !last;
        self.write(&cell, &outcome, again).await?;
        Ok(Some(outcome))
    }

    /// It begins, unless it is over: its doer may have died just before saying so.
    async fn start(&self, cell: &CellKey, attempt: u32) -> Result<Option<State>> {
        let cell = cell.clone();
        let decide = move |tx: &mut Tx<'_>| {
            let Some(mut state) = state::load(tx, &cell)? else { return Ok(None) };
            // A failed one that comes again was a dead letter.
            if state.status.is_over() && state.status != Status::Failed {
                return Ok(None);
            }
            if let Some(key) = state.key.take() {
                tx.delete_cell(&state::key(&key));
            }
            (state.status, state.attempts, state.started_at) = (Status::Running, attempt, Some(tx.now()));
            tx.put_cell(&cell, state.to_value()?, None);
            Ok(Some(state))
        };
        Ok(self.db.commit(&Caller::system(self.db.now()), decide).await?.value)
    }

    async fn run_later(
        &self,
        state: &State,
        id: &DocumentId,
        caller: Caller,
        input: Value,
        (by, attempt): (InvokedBy, u32),
    ) -> Result<Option<Bytes>> {
        let alias = if by == InvokedBy::Task { LIVE } else { &state.alias };
        // Every try goes to the same version, for as long as the alias has it.
        let resolved = self.registry.resolve(&state.function, Some(alias), sticky(id.as_str()))?;
        if resolved.version.config.kind != basalt_runtime::Kind::Callable {
            return Err(gone(&state.function));
        }
        let run = Run {
            // An invocation is known by the id that its caller was told; tries of a task each have one of their own.
            id: if by == InvokedBy::Task { self.new_id() } else { id.clone() },
            resolved,
            caller,
            by,
            input: Input::Json(input.to_string().into()),
            idempotency_key: Some(id.to_string()),
            attempt,
        };
        self.run(run).await
    }

    /// What became of a try. `again`: another one follows.
    async fn write(&self, cell: &CellKey, outcome: &Result<Option<Bytes>>, again: bool) -> Result<()> {
        let (cell, outcome) = (cell.clone(), outcome.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let Some(mut state) = state::load(tx, &cell)? else { return Ok(()) };
            state.conclude(&outcome, tx.now());
            let end = if again {
                state.status = Status::Pending;
                None
            } else {
                Some(tx.now().plus(KEPT_FOR))
            };
            tx.put_cell(&cell, state.to_value()?, end);
            Ok(())
        };
        self.db.commit(&Caller::system(self.db.now()), decide).await.map(drop)
    }

    /// No try follows.
    async fn give_up(&self, job: &Job) -> Result<()> {
        let Payload { id, .. } = serde_json::from_value(job.payload.clone()).map_err(|error| odd(&error))?;
        let cell = state::task(&id);
        let decide = move |tx: &mut Tx<'_>| {
            if let Some(mut state) = state::load(tx, &cell)? {
                state.status = Status::Failed;
                let end = tx.now().plus(KEPT_FOR);
                tx.put_cell(&cell, state.to_value()?, Some(end));
            }
            Ok(())
        };
        self.db.commit(&Caller::system(self.db.now()), decide).await.map(drop)
    }
}
