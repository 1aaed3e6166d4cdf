//! What is written down of calls and of what functions log: records, which may be lost under overload and never slow a
//! call down.

mod follow;
mod logs;
mod query;
mod scan;

use std::borrow::Cow;
use std::time::Duration;

use basalt_core::{DocumentId, Timestamp};
use basalt_runtime::{Kind, LogLevel, LogLine};
use basalt_store::records::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::names::{AliasName, FunctionName};

pub use follow::LogTail;
pub use logs::{LogEntry, LogQuery};
pub use query::{InvocationPage, InvocationQuery};

/// The kinds of records.
const INVOCATION: &str = "invocation";
const FUNCTION_LOG: &str = "function_log";

/// One call of a function, over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationRecord {
    /// As the server makes ids: it says when the call began.
    pub id: DocumentId,
    pub function: FunctionName,
    pub version: u32,
    pub alias: AliasName,
    pub kind: Kind,
    pub trigger: InvokedBy,
    pub started_at: Timestamp,
    /// Milliseconds, here and below.
    pub duration_ms: f64,
    pub cpu_ms: f64,
    /// Bytes.
    pub peak_memory: u64,
    pub outcome: InvocationOutcome,
    pub error: Option<RecordedError>,
    /// The trace's id.
    pub trace: Option<String>,
    /// Whether an instance was made for it.
    pub cold: bool,
    pub host_calls: u32,
    pub egress_bytes: u64,
    /// 1 on the first try.
    pub attempt: u32,
    /// Lines of its log that were over the limit.
    pub logs_dropped: u32,
    /// What it was held to: with the duration the memory that it is charged.
    pub memory_limit: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedError {
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}

/// Why a function ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InvokedBy {
    /// A client or another function called it.
    Call,
    Http,
    Event,
    Schedule,
    Task,
    /// Before a write or a sign-in.
    Hook,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InvocationOutcome {
    Succeeded,
    /// It threw a `FunctionError`: an answer like any other.
    Refused,
    /// It threw anything else.
    Failed,
    TimedOut,
    OutOfMemory,
    /// Its result is none that it may have.
    BadResult,
    WorkerLost,
    /// There was no room for it.
    Busy,
}

/// A line that a function logged.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionLog {
    pub invocation: DocumentId,
    pub function: FunctionName,
    pub version: u32,
    pub alias: AliasName,
    pub trace: Option<String>,
    pub line: LogLine,
}

impl InvocationOutcome {
    /// Whether the function did what it is there for.
    pub fn is_error(self) -> bool {
        !matches!(self, Self::Succeeded | Self::Refused)
    }
}

impl InvocationRecord {
    pub(super) fn gigabyte_seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "bytes of memory, to be charged by")]
        let gigabytes = self.memory_limit as f64 / f64::from(1 << 30);
        gigabytes * self.duration_ms / 1_000.0
    }

    pub(super) fn to_record(&self) -> Record {
        let body = serde_json::to_value(self).unwrap_or_default();
        Record { kind: Cow::Borrowed(INVOCATION), at: self.started_at, body }
    }
}

/// As it is kept; the level comes first, then what is looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredLog {
    level: LogLevel,
    function: FunctionName,
    invocation: DocumentId,
    version: u32,
    alias: AliasName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    message: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    fields: Value,
}

impl FunctionLog {
    pub(super) fn into_record(self) -> Record {
        let Self { invocation, function, version, alias, trace, line } = self;
        let LogLine { at, level, message, fields } = line;
        let stored = StoredLog { level, function, invocation, version, alias, trace, message, fields };
        Record { kind: Cow::Borrowed(FUNCTION_LOG), at, body: serde_json::to_value(&stored).unwrap_or_default() }
    }
}

/// Milliseconds with three decimals, as records have them.
pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
