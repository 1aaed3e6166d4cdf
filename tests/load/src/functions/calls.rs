//! Calls: warm ones as many as go, one after the other, and first ones.

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::{call, deploy_one, millis, percentile, timed};
use crate::connection::request;
use crate::error::Result;
use crate::measure::{Figure, Next, Until, run};
use crate::realtime::World;

/// A module of 112 bytes, in base 64: `basalt_alloc` says one place, `basalt_call` answers `{"result":1}`.
const GUEST: &str = "AGFzbQEAAAABDAJgAX8Bf2ACf38BfgMDAgABBQMBAAIHJwMGbWVtb3J5AgAMYmFzYWx0X2FsbG9jAAALYmFzYWx0X2NhbGwAAQoRAgUAQYAICwkA\
                     QoyAgICAAgsLEgEAQRALDHsicmVzdWx0IjoxfQ==";
const ECHO: &str = "export const echo = callable({ invoke: \"true\" }, (input: unknown) => input);\n";
/// Calls one after the other.
const ALONE: usize = 1_000;
/// Functions that are called for the first time.
const FIRST: usize = 40;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Calls {
    pub(crate) echo: Figure,
    pub(crate) hello: Figure,
    /// One at a time: a call, a fixed answer, and what the runtime says that the call took in it.
    pub(crate) alone_p50_micros: f64,
    pub(crate) hello_p50_micros: f64,
    pub(crate) runtime_p50_micros: f64,
}

impl Calls {
    pub(crate) fn ratio(&self) -> f64 {
        self.echo.per_second / self.hello.per_second
    }

    pub(crate) fn overhead_micros(&self) -> f64 {
        self.alone_p50_micros - self.runtime_p50_micros
    }
}

/// In milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Starts {
    pub(crate) warm_p50: f64,
    /// Of functions that no call came to before, in a worker that lives.
    pub(crate) first_p50: f64,
    pub(crate) first_p99: f64,
    /// Of the first one of all, which has a worker started.
    pub(crate) new_worker: f64,
    /// Of an instance that is made for the call and thrown away.
    pub(crate) fresh_p50: f64,
    /// Of a WebAssembly guest, which has no other: what its records say.
    pub(crate) guest_p50: f64,
}

impl Starts {
    pub(crate) fn cold_millis(&self) -> f64 {
        self.first_p50 - self.warm_p50
    }

    pub(crate) fn worker_millis(&self) -> f64 {
        self.new_worker - self.warm_p50
    }
}

pub(crate) async fn measure(world: &mut World, connections: usize, seconds: Duration) -> Result<Calls> {
    deploy_one(world, ECHO).await?;
    let echoing = call("echo", "{\"a\":1,\"text\":\"what comes back\"}");
    let fixed = request("GET", "/health/live", None, None);
    let (echo, hello): (Next, Next) = (same(&echoing), same(&fixed));
    let address = world.server.address.clone();
    let until = Until::Elapsed(seconds);
    run("warm-up", &address, connections, Until::Elapsed(Duration::from_secs(2)), echo.clone()).await?;
    let before = run("hello", &address, connections, until, hello.clone()).await?;
    let echo = run("a warm call", &address, connections, until, echo).await?;
    let mut hello = run("hello", &address, connections, until, hello).await?;
    hello.per_second = f64::midpoint(hello.per_second, before.per_second);
    let alone_p50_micros = alone(world, &echoing).await? * 1000.0;
    let hello_p50_micros = alone(world, &fixed).await? * 1000.0;
    let runtime_p50_micros = recorded(world, "echo").await? * 1000.0;
    Ok(Calls { echo, hello, alone_p50_micros, hello_p50_micros, runtime_p50_micros })
}

fn same(request: &[u8]) -> Next {
    let request = request.to_vec();
    Rc::new(move |_, _| request.clone())
}

/// The middle of many in a row, in milliseconds.
async fn alone(world: &mut World, request: &[u8]) -> Result<f64> {
    let mut times = Vec::with_capacity(ALONE);
    for _ in 0..ALONE {
        times.push(millis(timed(world, request).await?));
    }
    Ok(percentile(&mut times, 0.5))
}

/// What the records of the last calls say that each took, in the middle and in milliseconds.
async fn recorded(world: &mut World, function: &str) -> Result<f64> {
    // Records come in batches, a little later.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let path = format!("/v1/admin/invocations?function={function}&limit=500");
    let answer = world.call("GET", &path, None).await?;
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let mut times: Vec<f64> = items.iter().filter_map(|item| item["durationMs"].as_f64()).collect();
    Ok(percentile(&mut times, 0.5))
}

/// First calls: the very first, and those of functions that no call came to before.
pub(crate) async fn starts(world: &mut World) -> Result<Starts> {
    let one = |n: usize| format!("export const first{n} = callable({{ invoke: \"true\" }}, async () => {n});\n");
    let fresh = "export const fresh = callable({ invoke: \"true\", isolation: \"fresh\" }, async () => 1);\n";
    let source = (0..FIRST).map(one).collect::<String>() + fresh + ECHO;
    deploy_one(world, &source).await?;
    // The connection and the server are warm, the functions are not.
    alone(world, &request("GET", "/health/live", None, None)).await?;
    let new_worker = millis(timed(world, &call("echo", "{}")).await?);
    let warm_p50 = alone(world, &call("echo", "{}")).await?;
    let mut first = Vec::new();
    for n in 0..FIRST {
        first.push(millis(timed(world, &call(&format!("first{n}"), "{}")).await?));
    }
    let (first_p50, first_p99) = (percentile(&mut first, 0.5), percentile(&mut first, 0.99));
    let mut thrown = Vec::new();
    for _ in 0..100 {
        thrown.push(millis(timed(world, &call("fresh", "{}")).await?));
    }
    let fresh_p50 = percentile(&mut thrown, 0.5);
    let guest_p50 = guest(world).await?;
    Ok(Starts { warm_p50, first_p50, first_p99, new_worker, fresh_p50, guest_p50 })
}

async fn guest(world: &mut World) -> Result<f64> {
    let files = json!({"functions/guest.wasm": {"base64": GUEST}});
    let body = json!({"files": files, "settings": {"guest": {"invoke": "true"}}});
    world.call("POST", "/v1/admin/functions/deploy", Some(&body)).await?;
    alone(world, &call("guest", "{}")).await?;
    recorded(world, "guest").await
}

/// A number of an answer.
pub(super) fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_default()
}
