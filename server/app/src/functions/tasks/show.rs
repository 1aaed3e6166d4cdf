//! What callers are told of what they began.

use basalt_core::{Caller, Code, DocumentId, Error, Result, Timestamp};
use serde_json::{Map, Value};

use super::KEPT_FOR;
use super::state::{self, State, Status};
use crate::common::{Tx, refuse};
use crate::functions::calls::{Calls, may_see};

#[derive(Clone, Debug, PartialEq)]
pub struct TaskState {
    pub id: DocumentId,
    pub function: String,
    /// `pending`, `running`, `succeeded`, `failed` or `canceled`.
    pub status: &'static str,
    pub run_at: Timestamp,
    pub attempts: u32,
    pub result: Option<Value>,
    pub error: Option<Map<String, Value>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct InvocationState {
    pub id: DocumentId,
    pub function: String,
    pub version: Option<u32>,
    /// `queued`, `running`, `succeeded` or `failed`.
    pub status: &'static str,
    pub result: Option<Value>,
    pub error: Option<Map<String, Value>>,
    pub started_at: Option<Timestamp>,
    pub duration_ms: Option<i64>,
}

impl Calls {
    /// For who asked for it, and for services; for others it isn't there.
    pub async fn task(&self, caller: &Caller, id: &DocumentId) -> Result<TaskState> {
        let cell = state::task(id);
        let found = self.db.inspect(move |tx: &mut Tx<'_>| state::load(tx, &cell)).await?;
        let State { function, status, run_at, attempts, result, error, .. } =
            visible(caller, found)?.ok_or_else(no_task)?;
        let status = match status {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
        };
        Ok(TaskState { id: id.clone(), function, status, run_at, attempts, result, error })
    }

    /// Cancels a task that has not begun.
    pub async fn cancel(&self, caller: &Caller, id: &DocumentId) -> Result<()> {
        let (who, cell) = (caller.clone(), state::task(id));
        let decide = move |tx: &mut Tx<'_>| {
            let found = state::load(tx, &cell)?;
            let Some(mut state) = visible(&who, found)? else { return Err(no_task().into()) };
            match state.status {
                Status::Canceled => return Ok(()),
                Status::Pending if state.attempts == 0 => {}
                _ => return refuse(Code::TaskStarted, "The task has begun: it can't be canceled any more."),
            }
            if let Some(key) = state.key.take() {
                tx.delete_cell(&state::key(&key));
            }
            state.status = Status::Canceled;
            // Its job still comes, and has to find that there is nothing to do.
            let end = state.run_at.max(tx.now()).plus(KEPT_FOR);
            tx.put_cell(&cell, state.to_value()?, Some(end));
            Ok(())
        };
        self.db.commit(caller, decide).await.map(drop)
    }

    /// For who called, and for services; for others it isn't there.
    pub async fn invocation(&self, caller: &Caller, id: &DocumentId) -> Result<InvocationState> {
        let cell = state::invocation(id);
        let found = self.db.inspect(move |tx: &mut Tx<'_>| state::load(tx, &cell)).await?;
        let missing = || Error::new(Code::InvocationNotFound, "There is no such invocation.");
        let State { function, version, status, result, error, started_at, duration_ms, .. } =
            visible(caller, found)?.ok_or_else(missing)?;
        let status = match status {
            Status::Pending => "queued",
            Status::Running => "running",
            Status::Succeeded => "succeeded",
            Status::Failed | Status::Canceled => "failed",
        };
        Ok(InvocationState { id: id.clone(), function, version, status, result, error, started_at, duration_ms })
    }
}

fn visible(caller: &Caller, found: Option<State>) -> Result<Option<State>> {
    match found {
        Some(state) if may_see(caller, state.by.as_deref(), &state.function)? => Ok(Some(state)),
        _ => Ok(None),
    }
}

fn no_task() -> Error {
    Error::new(Code::TaskNotFound, "There is no such task.")
}
