//! What the cell of a task or an invocation holds.

use basalt_core::{Code, DocumentId, Error, Result, Timestamp};
use basalt_store::CellKey;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::RESULT_BYTES;
use crate::common::{Flow, Tx};

const TASKS: &str = "tasks";
const TASK_KEYS: &str = "task_keys";
const INVOCATIONS: &str = "invocations";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It waits for its time, or for its next try.
    Pending,
    Running,
    Succeeded,
    Failed,
    Canceled,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub function: String,
    pub alias: String,
    pub status: Status,
    /// Who may see it, as [`crate::functions::calls::owner`] names him.
    pub by: Option<String>,
    /// The cell that keeps its key, while it is pending.
    pub key: Option<String>,
    pub run_at: Timestamp,
    pub attempts: u32,
    pub version: Option<u32>,
    pub started_at: Option<Timestamp>,
    pub duration_ms: Option<i64>,
    pub result: Option<Value>,
    /// `{status,code,message,…}`
    pub error: Option<Map<String, Value>>,
}

impl Status {
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

impl State {
    pub(super) fn to_value(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(Error::internal)
    }

    fn read(value: Value) -> Result<Self> {
        serde_json::from_value(value).map_err(|error| Error::internal(format!("a task's cell is odd: {error}")))
    }

    /// What came of the last try.
    pub(super) fn conclude(&mut self, outcome: &Result<Option<Bytes>>, now: Timestamp) {
        self.duration_ms = self.started_at.map(|started| now.millis().saturating_sub(started.millis()));
        (self.result, self.error) = (None, None);
        match outcome {
            Ok(result) => match kept(result.as_ref()) {
                Ok(result) => (self.status, self.result) = (Status::Succeeded, result),
                Err(error) => (self.status, self.error) = (Status::Failed, Some(told(&error))),
            },
            Err(error) => (self.status, self.error) = (Status::Failed, Some(told(error))),
        }
    }
}

fn kept(result: Option<&Bytes>) -> Result<Option<Value>> {
    let Some(text) = result else { return Ok(None) };
    if text.len() > RESULT_BYTES {
        let detail = format!("It ran; of its result of {} bytes at most {RESULT_BYTES} could be kept.", text.len());
        return Err(Error::new(Code::ResultTooLarge, detail));
    }
    serde_json::from_slice(text).map(Some).map_err(Error::internal)
}

/// As its caller would have been told.
pub(super) fn told(error: &Error) -> Map<String, Value> {
    let mut told = error.extensions().clone();
    told.insert("status".to_owned(), error.status().into());
    told.insert("code".to_owned(), error.code_text().into());
    told.insert("message".to_owned(), error.detail().into());
    if !error.errors().is_empty() {
        told.insert("errors".to_owned(), json!(error.errors()));
    }
    told
}

pub(super) fn task(id: &DocumentId) -> CellKey {
    CellKey::new(TASKS, id.to_string())
}

pub(super) fn invocation(id: &DocumentId) -> CellKey {
    CellKey::new(INVOCATIONS, id.to_string())
}

/// Of a key that is unique while its task is pending.
pub(super) fn key(text: &str) -> CellKey {
    CellKey::new(TASK_KEYS, text.to_owned())
}

pub(super) fn load(tx: &mut Tx<'_>, cell: &CellKey) -> Flow<Option<State>> {
    Ok(tx.cell(cell)?.map(State::read).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let at = Timestamp::from_millis(1_000);
        State {
            function: "add".to_owned(),
            alias: "live".to_owned(),
            status: Status::Running,
            by: None,
            key: None,
            run_at: at,
            attempts: 1,
            version: Some(1),
            started_at: Some(at),
            duration_ms: None,
            result: None,
            error: None,
        }
    }

    #[test]
    fn what_became_of_it_is_told() {
        let (mut done, now) = (state(), Timestamp::from_millis(1_250));
        done.conclude(&Ok(Some(Bytes::from_static(b"{\"n\":1}"))), now);
        assert_eq!(
            (done.status, done.result.clone(), done.duration_ms),
            (Status::Succeeded, Some(json!({"n": 1})), Some(250))
        );
        assert_eq!(State::read(done.to_value().unwrap()).unwrap(), done);
        let mut failed = state();
        failed.conclude(&Err(Error::of_function(418, "unlucky", "not 13").with("n", 13)), now);
        let told = Value::Object(failed.error.unwrap());
        assert_eq!(told, json!({"status": 418, "code": "unlucky", "message": "not 13", "n": 13}));
        let mut large = state();
        large.conclude(&Ok(Some(vec![b' '; RESULT_BYTES + 1].into())), now);
        assert_eq!(large.error.unwrap()["code"], "result_too_large");
    }
}
