//! The beginning of tasks and of calls that are answered later.

use std::time::Duration;

use basalt_core::{Caller, Code, DocumentId, Error, Result, Timestamp};
use basalt_data::documents::{Idempotency, idempotency_claim};
use basalt_store::NewJob;
use serde_json::{Value, json};

use super::state::{self, State, Status};
use super::{INPUT_BYTES, INVOCATION, KEPT_FOR, TASK};
use crate::common::Tx;
use crate::functions::calls::{Calls, Json, Remembered, owner};
use crate::functions::{Resolved, not_found};

/// The longest that a task waits.
const LONGEST: Duration = Duration::from_hours(24 * 366);
const KEY_BYTES: usize = 128;

/// A task that is asked for.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub function: String,
    pub input: Value,
    pub when: When,
    /// Unique among the caller's pending tasks of the function: asked for again it is the same task.
    pub key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Now,
    After(Duration),
    At(Timestamp),
}

impl When {
    /// `"90s"` or a number of milliseconds; a time of day excludes it.
    pub fn parse(delay: Option<&Value>, run_at: Option<&str>) -> Result<Self> {
        let bad = |detail: &str| Error::new(Code::BadParameter, detail);
        match (delay.filter(|delay| !delay.is_null()), run_at) {
            (None, None) => Ok(Self::Now),
            (Some(_), Some(_)) => Err(bad("Say delay or runAt.")),
            (None, Some(text)) => {
                Timestamp::parse(text).map(Self::At).ok_or_else(|| bad("runAt is a time such as 2026-11-22T08:00:00Z."))
            }
            (Some(delay), None) => {
                let read = match delay {
                    Value::String(text) => basalt_data::duration(text),
                    Value::Number(millis) => millis.as_u64().map(Duration::from_millis),
                    _ => None,
                };
                read.map(Self::After).ok_or_else(|| bad("delay is a time such as \"90s\", or milliseconds."))
            }
        }
    }

    fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Now => now,
            Self::After(delay) => now.plus(delay),
            Self::At(time) => time.max(now),
        }
    }
}

impl Calls {
    /// Has a callable called later, by nobody; the right to have it done is asked for now. The task's id.
    pub async fn enqueue(&self, caller: &Caller, task: NewTask, once: Option<Idempotency>) -> Result<DocumentId> {
        let NewTask { function, input, when, key } = task;
        let resolved = self.resolve(&function, None)?;
        self.admit(caller, &resolved, &input).await?;
        let state = self.planned(caller, &resolved, when, key)?;
        let payload = json!({"input": Json::of(input).within(INPUT_BYTES)?, "caller": Remembered::of(caller)});
        self.begin(Deferred { caller: caller.clone(), family: TASK, state, payload, once }).await
    }

    /// Has a callable called by the caller, who comes back for the answer. The invocation's id.
    pub async fn call_later(
        &self,
        caller: &Caller,
        resolved: &Resolved,
        input: Json,
        once: Option<Idempotency>,
    ) -> Result<DocumentId> {
        self.admit(caller, resolved, &input.value).await?;
        let state = waiting(caller, resolved, self.db.now());
        let payload = json!({"input": input.within(INPUT_BYTES)?, "caller": Remembered::of(caller)});
        self.begin(Deferred { caller: caller.clone(), family: INVOCATION, state, payload, once }).await
    }

    fn planned(&self, caller: &Caller, resolved: &Resolved, when: When, key: Option<String>) -> Result<State> {
        let now = self.db.now();
        let run_at = when.from(now);
        if run_at > now.plus(LONGEST) {
            return Err(Error::new(Code::BadParameter, "A task waits for a year at most."));
        }
        let key = key.map(|key| key_of(caller, resolved, &key)).transpose()?;
        Ok(State { key, run_at, ..waiting(caller, resolved, now) })
    }

    async fn begin(&self, deferred: Deferred) -> Result<DocumentId> {
        let Deferred { caller, family, state, mut payload, once } = deferred;
        let id = self.new_id();
        payload["id"] = id.as_str().into();
        let once = match once {
            Some(request) => Some(idempotency_claim(&caller, &request)?),
            None => None,
        };
        let value = state.to_value()?;
        let kind = format!("{family}/{}", state.function);
        let place = if family == TASK { state::task(&id) } else { state::invocation(&id) };
        let decide = move |tx: &mut Tx<'_>| {
            if let Some((cell, fingerprint)) = &once {
                if let Some(kept) = tx.cell(cell)? {
                    return Ok(replayed(&kept, fingerprint)?);
                }
                let end = tx.now().plus(KEPT_FOR);
                tx.put_cell(cell, json!({"fingerprint": fingerprint, "deferred": id}), Some(end));
            }
            if let Some(key) = &state.key {
                let cell = state::key(key);
                if let Some(Value::String(pending)) = tx.cell(&cell)? {
                    return Ok(DocumentId::parse(&pending)?);
                }
                tx.put_cell(&cell, id.as_str().into(), None);
            }
            tx.put_cell(&place, value.clone(), None);
            let (key, payload) = (Some(id.to_string()), payload.clone());
            tx.enqueue(NewJob { kind: kind.clone().into(), key, order_key: None, payload, run_at: state.run_at });
            Ok(id.clone())
        };
        Ok(self.db.commit(&caller, decide).await?.value)
    }
}

/// What is about to be written down.
struct Deferred {
    caller: Caller,
    family: &'static str,
    state: State,
    payload: Value,
    once: Option<Idempotency>,
}

fn waiting(caller: &Caller, resolved: &Resolved, now: Timestamp) -> State {
    State {
        function: resolved.version.function.to_string(),
        alias: resolved.alias.to_string(),
        status: Status::Pending,
        by: owner(caller),
        key: None,
        run_at: now,
        attempts: 0,
        version: None,
        started_at: None,
        duration_ms: None,
        result: None,
        error: None,
    }
}

/// Keys of different callers don't meet; those of services and of visitors are the app's.
fn key_of(caller: &Caller, resolved: &Resolved, key: &str) -> Result<String> {
    if !(1..=KEY_BYTES).contains(&key.len()) {
        return Err(Error::new(Code::BadParameter, format!("A task's key has 1 to {KEY_BYTES} bytes.")));
    }
    let by = owner(caller).unwrap_or_default();
    Ok(format!("{} {by} {key}", resolved.version.function))
}

/// What was begun for the same request before.
fn replayed(kept: &Value, fingerprint: &str) -> Result<DocumentId> {
    match kept["deferred"].as_str() {
        Some(id) if kept["fingerprint"] == fingerprint => DocumentId::parse(id),
        _ => Err(Error::new(Code::IdempotencyKeyReused, "This Idempotency-Key was used for another request.")),
    }
}

impl Json {
    fn within(self, most: usize) -> Result<Value> {
        if self.text.len() > most {
            return Err(Error::new(Code::TooLarge, format!("The input of a call for later has at most {most} bytes.")));
        }
        Ok(self.value)
    }
}

/// Where a function is named that can't be one.
pub(super) fn gone(function: &str) -> Error {
    not_found(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_runs_now_later_or_at_a_time() {
        let now = Timestamp::from_millis(1_000_000);
        let parse = |delay: Value, at: Option<&str>| When::parse(Some(&delay), at).map(|when| when.from(now).millis());
        assert_eq!(parse(Value::Null, None).unwrap(), 1_000_000);
        assert_eq!(parse(json!("90s"), None).unwrap(), 1_090_000);
        assert_eq!(parse(json!(250), None).unwrap(), 1_000_250);
        assert_eq!(parse(Value::Null, Some("1970-01-01T01:00:00Z")).unwrap(), 3_600_000);
        assert_eq!(parse(Value::Null, Some("1970-01-01T00:00:00Z")).unwrap(), 1_000_000, "what is past is now");
        for bad in [json!("soon"), json!(-1), json!([])] {
            assert!(parse(bad, None).is_err());
        }
        assert!(parse(json!("1s"), Some("1970-01-01T00:00:00Z")).is_err());
    }
}
