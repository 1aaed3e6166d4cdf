//! A runtime, a host, and a frame for guests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_core::{Clock, Result, Timestamp};
use basalt_runtime::{
    BoxFuture, Code, Context, FunctionRuntime as _, Guests, HostApi, HostError, HostReply, HostRequest, Input,
    Invocation, Isolation, Kind, Limits, LogLine, Outcome, Prepared, Report, Sources,
};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

/// A module with `body` as what it does for a call: of `$at` and `$length` it makes an `i64`.
pub(crate) fn module(body: &str) -> String {
    format!(
        r#"(module
            (import "basalt" "host_call" (func $host_call (param i32 i32 i32 i32) (result i64)))
            (import "basalt" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 2)
            (global $top (mut i32) (i32.const 4096))
            (global $calls (mut i32) (i32.const 48))
            (data (i32.const 16) "{{\"result\":42}}")
            (data (i32.const 64) "{{\"result\":")
            (data (i32.const 96) "{{\"error\":{{\"code\":\"unlucky\",\"message\":\"not 13\",\"details\":{{\"n\":13}},\"status\":409}}}}")
            (data (i32.const 256) "echo")
            (data (i32.const 264) "hang")
            (data (i32.const 272) "no JSON")
            (data (i32.const 280) "{{\"a\":1,\"body\":\"AAEC\"}}")
            (func $allocate (export "basalt_alloc") (param $length i32) (result i32)
                (local $at i32)
                (local.set $at (global.get $top))
                (global.set $top (i32.add (global.get $top) (local.get $length)))
                (local.get $at))
            (func $pack (param $at i32) (param $length i32) (result i64)
                (i64.or
                    (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
                    (i64.extend_i32_u (local.get $length))))
            ;; {{"result": … }} around a text.
            (func $wrap (param $text i32) (param $length i32) (result i64)
                (local $at i32)
                (local.set $at (call $allocate (i32.add (local.get $length) (i32.const 11))))
                (memory.copy (local.get $at) (i32.const 64) (i32.const 10))
                (memory.copy (i32.add (local.get $at) (i32.const 10)) (local.get $text) (local.get $length))
                (i32.store8 (i32.add (local.get $at) (i32.add (local.get $length) (i32.const 10))) (i32.const 125))
                (call $pack (local.get $at) (i32.add (local.get $length) (i32.const 11))))
            (func $wrap_packed (param $packed i64) (result i64)
                (call $wrap
                    (i32.wrap_i64 (i64.shr_u (local.get $packed) (i64.const 32)))
                    (i32.wrap_i64 (local.get $packed))))
            (func $call (export "basalt_call") (param $at i32) (param $length i32) (result i64)
                {body}))"#
    )
}

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) guests: Arc<Guests>,
    pub(crate) code: Arc<Code>,
    pub(crate) host: Arc<Host>,
    pub(crate) limits: Limits,
}

/// A module in text or in the binary format; what is neither is deployed as it is.
pub(crate) async fn prepare(guests: &Guests, module: impl Into<Vec<u8>>) -> Result<Prepared> {
    let path = "functions/guest.wasm".to_owned();
    let module = module.into();
    let module = wat::parse_bytes(&module).map_or_else(|_| module.clone(), std::borrow::Cow::into_owned);
    let files = BTreeMap::from([(path.clone(), Bytes::from(module))]);
    guests.prepare(Sources { entry: path, files }).await
}

impl App {
    pub(crate) async fn new(body: &str) -> Self {
        Self::on(Arc::new(Guests::new(Arc::new(Fixed))), body).await
    }

    pub(crate) async fn on(guests: Arc<Guests>, body: &str) -> Self {
        Self::with(guests, module(body)).await
    }

    /// Of a whole module.
    pub(crate) async fn of(module: &[u8]) -> Self {
        Self::with(Arc::new(Guests::new(Arc::new(Fixed))), module).await
    }

    async fn with(guests: Arc<Guests>, module: impl Into<Vec<u8>>) -> Self {
        let code = Arc::new(prepare(&guests, module).await.unwrap().code);
        let limits = Limits { wall: Duration::from_secs(20), cpu: Duration::from_secs(20), ..Limits::default() };
        Self { guests, code, host: Arc::default(), limits }
    }

    pub(crate) fn with_limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) async fn report(&self, input: Value) -> Report {
        let invocation = Invocation {
            id: "i1".to_owned(),
            function: "guest".to_owned(),
            instance: format!("{}@1/live", self.code.id()),
            code: Arc::clone(&self.code),
            export: "guest".to_owned(),
            kind: Kind::Callable,
            input: Input::Json(Bytes::from(input.to_string())),
            context: Context { alias: "live".to_owned(), version: 1, attempt: 1, ..Context::default() },
            limits: self.limits,
            isolation: Isolation::Shared,
        };
        self.guests.invoke(invocation, Arc::clone(&self.host) as Arc<dyn HostApi>).await
    }

    pub(crate) async fn outcome(&self) -> Outcome {
        self.report(json!({"n": 1})).await.outcome
    }

    pub(crate) async fn call(&self, input: Value) -> Value {
        match self.report(input).await.outcome {
            Outcome::Returned(Some(bytes)) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("it didn't return: {other:?}"),
        }
    }
}

#[derive(Default)]
pub(crate) struct Host {
    pub(crate) logs: Mutex<Vec<LogLine>>,
}

impl HostApi for Host {
    fn call(&self, request: HostRequest) -> BoxFuture<'_, std::result::Result<HostReply, HostError>> {
        Box::pin(async move {
            if request.op == "hang" {
                std::future::pending::<()>().await;
            }
            Ok(HostReply { value: request.arguments, body: request.body })
        })
    }

    fn log(&self, line: LogLine) {
        self.logs.lock().unwrap().push(line);
    }
}
