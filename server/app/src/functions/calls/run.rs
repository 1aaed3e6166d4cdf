//! One call from its turn to its end.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use basalt_core::{Caller, Code, DocumentId, Error, Result, Trace};
use basalt_outbound::{Egress, HostPattern};
use basalt_runtime::{Context, HostApi, Input, Invocation, Kind, LogLine, Outcome};
use bytes::Bytes;
use serde_json::Value;

use super::gate::{Bounds, Class};
use super::record::{Recorded, Recorder, Took};
use super::{Calls, HostCall, Resolved, outcome};
use crate::functions::FunctionLog;
use crate::functions::config::Source;
use crate::functions::records::{InvocationOutcome, InvokedBy};

/// Calls within calls.
const DEPTH: u8 = 8;
/// How long after its own time a call is waited for: until it has its turn in the runtime, and is killed there.
const LATEST: Duration = Duration::from_secs(15);

/// A call that is about to be made; its right was asked for.
pub(in crate::functions) struct Run {
    pub id: DocumentId,
    pub resolved: Resolved,
    /// Whose rights it has; a visitor where nobody calls.
    pub caller: Caller,
    pub by: InvokedBy,
    pub input: Input,
    /// The same on every try of one event, task or tick.
    pub idempotency_key: Option<String>,
    pub attempt: u32,
}

impl Calls {
    /// Runs it; what it returned, in JSON.
    pub(in crate::functions) async fn run(&self, run: Run) -> Result<Option<Bytes>> {
        if run.caller.request.depth >= DEPTH {
            let detail = format!("Functions call each other at most {DEPTH} deep.");
            return Err(Error::new(Code::CallDepthExceeded, detail));
        }
        let config = &run.resolved.version.config;
        let bounds = Bounds { concurrency: config.concurrency, queue: config.queue, timeout: config.timeout };
        let class = match run.by {
            InvokedBy::Hook => Class::Hook,
            InvokedBy::Call if run.caller.request.depth > 0 => Class::Nested,
            _ => Class::Call,
        };
        let recorder = self.recorder(&run);
        let function = run.resolved.version.function.as_str();
        let _place = match self.gate.enter(function, bounds, class).await {
            Ok(place) => place,
            Err(error) => {
                let (outcome, told) = outcome::recorded(&Outcome::Overloaded);
                recorder.finish(Took::default(), outcome, told);
                return Err(error);
            }
        };
        match run.resolved.version.config.source {
            Source::Remote(_) => self.run_elsewhere(run, recorder).await,
            Source::Module { .. } | Source::Wasm { .. } => self.run_here(run, recorder).await,
        }
    }

    fn recorder(&self, run: &Run) -> Recorder {
        let parent = run.caller.request.trace;
        let trace = parent.map_or_else(|| Trace::begin(self.db.random()), |trace| trace.child(self.db.random()));
        let call = Recorded {
            id: run.id.clone(),
            resolved: run.resolved.clone(),
            by: run.by,
            started_at: self.db.now(),
            trace,
            parent: parent.map(|trace| trace.span),
            attempt: run.attempt,
            traffic: Arc::new(AtomicU64::new(0)),
        };
        Recorder::begin(self, call)
    }

    async fn run_here(&self, run: Run, recorder: Recorder) -> Result<Option<Bytes>> {
        let (id, resolved) = (run.id.clone(), run.resolved.clone());
        let host = self.host(&run, &recorder);
        let invocation = self.prepared(run, recorder.call.trace).await?;
        let latest = resolved.version.config.timeout.saturating_add(LATEST);
        // The runtime ends every call; a caller is told in time even where it doesn't.
        let (took, outcome) = match tokio::time::timeout(latest, self.runtime.invoke(invocation, host)).await {
            Ok(report) => (Took::from(&report), Self::checked(&resolved, report.outcome)),
            Err(_) => (Took::default(), Outcome::TimedOut),
        };
        self.conclude(&resolved, &id, outcome, (took, recorder))
    }

    /// Writes down what became of it, and tells it.
    pub(super) fn conclude(
        &self,
        resolved: &Resolved,
        id: &DocumentId,
        outcome: Outcome,
        (took, recorder): (Took, Recorder),
    ) -> Result<Option<Bytes>> {
        let outcome = outcome::redacted(outcome, self.registry.secrets(&resolved.alias).redactor());
        let (kind, told) = outcome::recorded(&outcome);
        if matches!(kind, InvocationOutcome::Failed | InvocationOutcome::WorkerLost) {
            tracing::info!(function = %resolved.version.function, invocation = %id, error = ?told, "a function failed");
        }
        recorder.finish(took, kind, told);
        match outcome {
            Outcome::Returned(result) => Ok(result),
            other => {
                let error = outcome::error(other, resolved.version.function.as_str(), id);
                Err(error.unwrap_or_else(|| outcome::failed(id)))
            }
        }
    }

    /// The server as the call sees it.
    fn host(&self, run: &Run, recorder: &Recorder) -> Arc<dyn HostApi> {
        let version = &run.resolved.version;
        let mut caller = run.caller.clone();
        caller.request.depth = caller.request.depth.saturating_add(1);
        caller.request.trace = Some(recorder.call.trace);
        let (registry, id, resolved) = (self.registry.clone(), run.id.clone(), run.resolved.clone());
        let (trace, secrets) = (recorder.call.trace.id_text(), self.registry.secrets(&run.resolved.alias));
        let log = move |line: LogLine| {
            let redactor = secrets.redactor();
            let (message, fields) = (redactor.text(&line.message).into_owned(), redactor.value(line.fields));
            registry.log(FunctionLog {
                invocation: id.clone(),
                function: resolved.version.function.clone(),
                version: resolved.version.number,
                alias: resolved.alias.clone(),
                trace: Some(trace.clone()),
                line: LogLine { at: line.at, level: line.level, message, fields },
            });
        };
        self.hosts.host(HostCall {
            caller,
            function: version.function.as_str().into(),
            reads_only: run.by == InvokedBy::Hook,
            egress: Arc::new(egress(&version.egress)),
            traffic: Arc::clone(&recorder.call.traffic),
            log: Box::new(log),
        })
    }

    async fn prepared(&self, run: Run, trace: Trace) -> Result<Invocation> {
        let Run { id, resolved, caller, input, idempotency_key, attempt, .. } = run;
        let version = &resolved.version;
        let code = version.code.as_ref().ok_or_else(|| Error::internal("a version without code"))?;
        let export = match &version.config.source {
            Source::Module { export, .. } => export.clone(),
            Source::Wasm { .. } | Source::Remote(_) => version.function.to_string(),
        };
        let context = Context {
            auth: Arc::unwrap_or_clone(caller.auth_value()),
            alias: resolved.alias.to_string(),
            version: version.number,
            idempotency_key,
            attempt,
            traceparent: Some(trace.to_string()),
            secrets: self.registry.secrets(&resolved.alias).values().clone(),
            env: version.env.clone(),
        };
        Ok(Invocation {
            id: id.to_string(),
            function: version.function.to_string(),
            instance: format!("{}@{}/{}", version.function, version.number, resolved.alias),
            code: self.registry.code(code).await?,
            export,
            kind: version.config.kind,
            input,
            context,
            limits: version.config.limits(),
            isolation: version.config.isolation,
        })
    }

    /// A callable's result has to be what its schema says; the record tells what isn't.
    fn checked(resolved: &Resolved, outcome: Outcome) -> Outcome {
        let config = &resolved.version.config;
        let (Some(schema), Outcome::Returned(result)) = (&config.output, &outcome) else { return outcome };
        if config.kind != Kind::Callable {
            return outcome;
        }
        let value = match result {
            None => Value::Null,
            Some(text) => match serde_json::from_slice(text) {
                Ok(value) => value,
                Err(error) => return Outcome::BadResult(format!("The result is no JSON: {error}")),
            },
        };
        let faults = schema.schema.faults(&value);
        if faults.is_empty() {
            return outcome;
        }
        let told: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect();
        Outcome::BadResult(format!("The result does not fit the output's schema: {}", told.join(" ")))
    }
}

/// Checked when it was deployed; what can't be read allows nothing.
fn egress(declared: &crate::functions::Egress) -> Egress {
    let Some(allow) = &declared.allow else { return Egress { private: declared.private, ..Egress::default() } };
    let allow = allow.iter().filter_map(|host| HostPattern::parse(host).ok()).collect();
    Egress { allow, deny: Vec::new(), private: declared.private }
}
