//! What became of a call.

use std::time::{Duration, Instant};

use basalt_core::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Report {
    pub outcome: Outcome,
    /// Whether an instance was made for it.
    pub cold: bool,
    pub wall: Duration,
    pub cpu: Duration,
    /// Bytes.
    pub peak_memory: u64,
    pub host_calls: u32,
    /// Lines that were over the limit.
    pub logs_dropped: u32,
}

impl Report {
    /// Of a call that never reached the code.
    pub(crate) fn without_call(started: Instant, outcome: Outcome) -> Self {
        let (wall, cpu) = (started.elapsed(), Duration::ZERO);
        Self { outcome, cold: false, wall, cpu, peak_memory: 0, host_calls: 0, logs_dropped: 0 }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// JSON text; `None` where the function returned nothing, or answered over HTTP.
    Returned(Option<Bytes>),
    Threw(Thrown),
    TimedOut,
    OutOfMemory,
    /// The result is larger than the limit, or no JSON.
    BadResult(String),
    /// The worker was killed by another call of this function, or died.
    WorkerLost,
    /// No room in the queue.
    Overloaded,
}

/// An error that left the function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thrown {
    /// `(code, status, details)` where it is a `FunctionError`.
    pub refusal: Option<(String, u16, Value)>,
    pub name: String,
    pub message: String,
    /// With the places of the deployed sources.
    pub stack: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    pub at: Timestamp,
    pub level: LogLevel,
    pub message: String,
    /// The fields of `ctx.log.info("…", { fields })`.
    pub fields: Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuntimeStats {
    pub workers: usize,
    pub instances: usize,
    pub calls: usize,
    pub waiting: usize,
    /// Workers that were killed or died.
    pub lost: u64,
    pub cold_starts: u64,
}
