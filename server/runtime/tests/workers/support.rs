//! A runtime with the worker that this crate builds, and a host that answers what the tests ask.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_core::{Clock, Timestamp};
use basalt_runtime::{
    BoxFuture, Code, Context, FunctionRuntime as _, HostApi, HostError, HostReply, HostRequest, Input, Invocation,
    Isolation, Kind, Limits, LogLine, Outcome, Prepared, Report, Sources, Workers, WorkersOptions,
};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

pub(crate) fn options() -> WorkersOptions {
    let mut options = WorkersOptions::new(PathBuf::from(env!("CARGO_BIN_EXE_basalt-worker")));
    options.wait = Duration::from_mins(1);
    options
}

pub(crate) fn workers() -> Arc<Workers> {
    Arc::new(Workers::start(options(), Arc::new(Fixed)).unwrap())
}

pub(crate) fn sources(files: &[(&str, &str)]) -> Sources {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), Bytes::from((*text).to_owned())));
    let files: BTreeMap<String, Bytes> = files.collect();
    Sources { entry: files.keys().next().unwrap().clone(), files }
}

/// What functions are made of, before what a test says.
const HEAD: &str = "import { callable, http, FunctionError } from \"basalt:functions\";\n";

pub(crate) async fn prepare(workers: &Workers, text: &str) -> Prepared {
    workers.prepare(sources(&[("functions/main.ts", &format!("{HEAD}{text}"))])).await.unwrap()
}

/// One deployed module, and how its functions are called.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) workers: Arc<Workers>,
    pub(crate) code: Arc<Code>,
    pub(crate) host: Arc<Host>,
    pub(crate) limits: Limits,
    pub(crate) isolation: Isolation,
}

impl App {
    pub(crate) async fn new(text: &str) -> Self {
        Self::on(workers(), text).await
    }

    pub(crate) async fn on(workers: Arc<Workers>, text: &str) -> Self {
        let code = Arc::new(prepare(&workers, text).await.code);
        let limits = Limits { wall: Duration::from_secs(20), cpu: Duration::from_secs(20), ..Limits::default() };
        Self { workers, code, host: Arc::default(), limits, isolation: Isolation::Shared }
    }

    pub(crate) fn with_limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) fn fresh(mut self) -> Self {
        self.isolation = Isolation::Fresh;
        self
    }

    pub(crate) fn invocation(&self, export: &str, kind: Kind, input: Input) -> Invocation {
        Invocation {
            id: "i1".to_owned(),
            function: export.to_owned(),
            instance: format!("{export}@1/live"),
            code: Arc::clone(&self.code),
            export: export.to_owned(),
            kind,
            input,
            context: Context { alias: "live".to_owned(), version: 1, attempt: 1, ..Context::default() },
            limits: self.limits,
            isolation: self.isolation,
        }
    }

    pub(crate) async fn report(&self, export: &str, input: Value) -> Report {
        let input = Input::Json(Bytes::from(input.to_string()));
        let invocation = self.invocation(export, Kind::Callable, input);
        let host: Arc<dyn HostApi> = Arc::clone(&self.host) as Arc<dyn HostApi>;
        self.workers.invoke(invocation, host).await
    }

    pub(crate) async fn outcome(&self, export: &str, input: Value) -> Outcome {
        self.report(export, input).await.outcome
    }

    /// Expects a result.
    pub(crate) async fn call(&self, export: &str, input: Value) -> Value {
        returned(self.outcome(export, input).await)
    }
}

pub(crate) fn returned(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Returned(Some(bytes)) => serde_json::from_slice(&bytes).unwrap(),
        Outcome::Returned(None) => Value::Null,
        other => panic!("it didn't return: {other:?}"),
    }
}

/// Answers `fetch` with what it was asked, after as long as the URL (or a file's path) says: `https://host/sleep/30`.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) logs: Mutex<Vec<LogLine>>,
}

impl HostApi for Host {
    fn call(&self, request: HostRequest) -> BoxFuture<'_, Result<HostReply, HostError>> {
        self.asked.lock().unwrap().push(request.op.clone());
        Box::pin(async move {
            let url = request.arguments["url"].as_str().or(request.arguments["path"].as_str());
            let url = url.unwrap_or_default().to_owned();
            if let Some(wait) = url.rsplit_once("/sleep/") {
                tokio::time::sleep(Duration::from_millis(wait.1.parse().unwrap())).await;
            }
            if url.ends_with("/never") {
                std::future::pending::<()>().await;
            }
            if url.ends_with("/refused") {
                let (code, message) = ("egress_denied".to_owned(), "not there".to_owned());
                return Err(HostError { status: 403, code, message, details: serde_json::Map::new() });
            }
            let value = json!({"status": 200, "statusText": "OK", "headers": [], "url": url});
            Ok(HostReply { value, body: if request.body.is_empty() { Bytes::from(url) } else { request.body } })
        })
    }

    fn log(&self, line: LogLine) {
        self.logs.lock().unwrap().push(line);
    }
}
