use basalt_app::functions::{InvocationOutcome, InvocationRecord, InvokedBy, RecordedError};
use basalt_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A call of a function that is over.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvocationRecord)]
pub(super) struct Recorded {
    id: String,
    function: String,
    version: u32,
    alias: String,
    kind: &'static str,
    /// Why it ran: `call`, `http`, `event`, `schedule`, `task` or `hook`.
    #[schema(value_type = String)]
    trigger: InvokedBy,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    duration_ms: f64,
    /// Time on a processor.
    cpu_ms: f64,
    /// Bytes.
    peak_memory: u64,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    /// The trace's id.
    trace: Option<String>,
    /// Whether an instance was made for it.
    cold: bool,
    host_calls: u32,
    egress_bytes: u64,
    /// 1 on the first try.
    attempt: u32,
    /// Lines of its log that were over the limit.
    logs_dropped: u32,
}

/// What a call ended with.
#[derive(Serialize, ToSchema)]
#[schema(as = InvocationError)]
pub(super) struct Failure {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
}

/// What became of a call: `refused` is an answer of the function's own.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvocationOutcome)]
pub(super) enum Outcome {
    Succeeded,
    Refused,
    Failed,
    TimedOut,
    OutOfMemory,
    BadResult,
    WorkerLost,
    Busy,
}

impl From<InvocationRecord> for Recorded {
    fn from(record: InvocationRecord) -> Self {
        let failure = |RecordedError { code, message, stack }| Failure { code, message, stack };
        Self {
            id: record.id.into(),
            function: record.function.into(),
            version: record.version,
            alias: record.alias.into(),
            kind: record.kind.as_str(),
            trigger: record.trigger,
            started_at: record.started_at,
            duration_ms: record.duration_ms,
            cpu_ms: record.cpu_ms,
            peak_memory: record.peak_memory,
            outcome: record.outcome.into(),
            error: record.error.map(failure),
            trace: record.trace,
            cold: record.cold,
            host_calls: record.host_calls,
            egress_bytes: record.egress_bytes,
            attempt: record.attempt,
            logs_dropped: record.logs_dropped,
        }
    }
}

impl From<InvocationOutcome> for Outcome {
    fn from(outcome: InvocationOutcome) -> Self {
        match outcome {
            InvocationOutcome::Succeeded => Self::Succeeded,
            InvocationOutcome::Refused => Self::Refused,
            InvocationOutcome::Failed => Self::Failed,
            InvocationOutcome::TimedOut => Self::TimedOut,
            InvocationOutcome::OutOfMemory => Self::OutOfMemory,
            InvocationOutcome::BadResult => Self::BadResult,
            InvocationOutcome::WorkerLost => Self::WorkerLost,
            InvocationOutcome::Busy => Self::Busy,
        }
    }
}

impl From<Outcome> for InvocationOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::OutOfMemory => Self::OutOfMemory,
            Outcome::BadResult => Self::BadResult,
            Outcome::WorkerLost => Self::WorkerLost,
            Outcome::Busy => Self::Busy,
        }
    }
}
