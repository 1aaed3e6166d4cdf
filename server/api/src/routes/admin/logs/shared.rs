use basalt_app::functions::{LogEntry, LogLevel};
use basalt_core::Timestamp;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A line that a function logged.
#[derive(Serialize, ToSchema)]
#[schema(as = FunctionLogLine)]
pub(in super::super) struct Line {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    level: Level,
    message: String,
    /// What was logged beside it.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    fields: Value,
    function: String,
    version: u32,
    alias: String,
    /// The call's id.
    invocation: String,
    /// The trace's id.
    trace: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = FunctionLogLevel)]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl From<LogEntry> for Line {
    fn from(entry: LogEntry) -> Self {
        Self {
            at: entry.at,
            level: match entry.level {
                LogLevel::Debug => Level::Debug,
                LogLevel::Info => Level::Info,
                LogLevel::Warn => Level::Warn,
                LogLevel::Error => Level::Error,
            },
            message: entry.message,
            fields: entry.fields,
            function: entry.function.into(),
            version: entry.version,
            alias: entry.alias.into(),
            invocation: entry.invocation.into(),
            trace: entry.trace,
        }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
