//! What is written down of a call: its record, its span, its place in the metrics; also where its caller went away.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use basalt_core::trace::{Span, SpanKind};
use basalt_core::{DocumentId, Timestamp, Trace};
use basalt_runtime::{LogLevel, LogLine, Report};
use serde_json::{Map, Value};

use super::{Calls, Resolved};
use crate::functions::records::{FunctionLog, InvocationOutcome, InvocationRecord, InvokedBy, RecordedError, millis};

/// A call under way; dropped before its end it was given up.
pub(super) struct Recorder {
    calls: Calls,
    pub(super) call: Recorded,
    started: Instant,
    open: bool,
}

/// What is known of a call when it begins.
pub(super) struct Recorded {
    pub id: DocumentId,
    pub resolved: Resolved,
    pub by: InvokedBy,
    pub started_at: Timestamp,
    pub trace: Trace,
    pub parent: Option<[u8; 8]>,
    pub attempt: u32,
    pub traffic: Arc<AtomicU64>,
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Took {
    cpu: Duration,
    peak_memory: u64,
    cold: bool,
    host_calls: u32,
    logs_dropped: u32,
}

impl From<&Report> for Took {
    fn from(report: &Report) -> Self {
        let Report { cpu, peak_memory, cold, host_calls, logs_dropped, .. } = *report;
        Self { cpu, peak_memory, cold, host_calls, logs_dropped }
    }
}

impl Recorder {
    pub(super) fn begin(calls: &Calls, call: Recorded) -> Self {
        Self { calls: calls.clone(), call, started: Instant::now(), open: true }
    }

    pub(super) fn finish(mut self, took: Took, outcome: InvocationOutcome, error: Option<RecordedError>) {
        self.write(took, outcome, error);
    }

    fn write(&mut self, took: Took, outcome: InvocationOutcome, error: Option<RecordedError>) {
        self.open = false;
        let duration = self.started.elapsed();
        self.span(took, duration, outcome, error.as_ref());
        // What had no room did nothing that a line could tell of, and may be many.
        if let Some(error) = error.as_ref().filter(|_| outcome.is_error() && outcome != InvocationOutcome::Busy) {
            self.log(error);
        }
        let Recorded { id, resolved, by, started_at, trace, attempt, traffic, .. } = &self.call;
        let version = &resolved.version;
        self.calls.registry.record(&InvocationRecord {
            id: id.clone(),
            function: version.function.clone(),
            version: version.number,
            alias: resolved.alias.clone(),
            kind: version.config.kind,
            trigger: *by,
            started_at: *started_at,
            duration_ms: millis(duration),
            cpu_ms: millis(took.cpu),
            peak_memory: took.peak_memory,
            outcome,
            error,
            trace: Some(trace.id_text()),
            cold: took.cold,
            host_calls: took.host_calls,
            egress_bytes: traffic.load(Ordering::Relaxed),
            attempt: *attempt,
            logs_dropped: took.logs_dropped,
            memory_limit: version.config.memory as u64,
        });
    }

    /// Its last line, where its logs are looked at for why.
    fn log(&self, error: &RecordedError) {
        let Recorded { id, resolved, trace, .. } = &self.call;
        let message = match &error.stack {
            Some(stack) => format!("{}\n{stack}", error.message),
            None => error.message.clone(),
        };
        let fields = serde_json::json!({ "code": error.code });
        self.calls.registry.log(FunctionLog {
            invocation: id.clone(),
            function: resolved.version.function.clone(),
            version: resolved.version.number,
            alias: resolved.alias.clone(),
            trace: Some(trace.id_text()),
            line: LogLine { at: self.calls.db.now(), level: LogLevel::Error, message, fields },
        });
    }

    fn span(&self, took: Took, duration: Duration, outcome: InvocationOutcome, error: Option<&RecordedError>) {
        if !self.calls.spans.collects() || !self.call.trace.sampled {
            return;
        }
        let version = &self.call.resolved.version;
        let (kind, word) = match self.call.by {
            InvokedBy::Event | InvokedBy::Schedule | InvokedBy::Task => (SpanKind::Consumer, "function"),
            InvokedBy::Hook => (SpanKind::Internal, "before"),
            InvokedBy::Call | InvokedBy::Http => (SpanKind::Internal, "function"),
        };
        let mut attributes = Map::new();
        attributes.insert("basalt.function".to_owned(), version.function.as_str().into());
        attributes.insert("basalt.version".to_owned(), version.number.into());
        attributes.insert("basalt.alias".to_owned(), self.call.resolved.alias.as_str().into());
        attributes.insert("basalt.invocation".to_owned(), self.call.id.as_str().into());
        attributes.insert("basalt.cold".to_owned(), Value::Bool(took.cold));
        self.calls.spans.record(Span {
            trace: self.call.trace,
            parent: self.call.parent,
            name: Cow::Owned(format!("{word} {}", version.function)),
            kind,
            start: self.call.started_at,
            duration,
            attributes,
            error: error.filter(|_| outcome != InvocationOutcome::Succeeded).map(|error| error.code.clone()),
        });
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.open {
            let message = "Its caller went away, or the server stopped.".to_owned();
            let error = RecordedError { code: "canceled".to_owned(), message, stack: None };
            self.write(Took::default(), InvocationOutcome::Failed, Some(error));
        }
    }
}
