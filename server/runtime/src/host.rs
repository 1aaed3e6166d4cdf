//! What functions may call. The room `app::host` implements it; nothing else imports that room.

use basalt_core::Error;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::BoxFuture;
use crate::report::LogLine;

/// One call of a function back into the server.
#[derive(Clone, Debug)]
pub struct HostRequest {
    /// `db.get`, `fetch`, …: the list is in `docs/functions.md`.
    pub op: String,
    pub arguments: Value,
    /// Bytes beside the arguments (a body, a file): never in base 64.
    pub body: Bytes,
}

#[derive(Clone, Debug, Default)]
pub struct HostReply {
    pub value: Value,
    pub body: Bytes,
}

/// What a call is refused with; in JavaScript a `FunctionError`.
#[derive(Clone, Debug, PartialEq)]
pub struct HostError {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// The further members of a problem document, `errors` among them.
    pub details: Map<String, Value>,
}

impl From<Error> for HostError {
    fn from(error: Error) -> Self {
        let mut details = error.extensions().clone();
        if !error.errors().is_empty() {
            details.insert("errors".to_owned(), serde_json::to_value(error.errors()).unwrap_or_default());
        }
        let (status, code) = (error.status(), error.code_text().to_owned());
        Self { status, code, message: error.detail().to_owned(), details }
    }
}

/// The server as one invocation sees it: made for it, gone with it. Calls may run at the same time.
pub trait HostApi: Send + Sync {
    fn call(&self, request: HostRequest) -> BoxFuture<'_, Result<HostReply, HostError>>;

    /// What the function writes to its log, as it says it; the runtime has kept the limit and counts what is over it.
    fn log(&self, line: LogLine);
}
