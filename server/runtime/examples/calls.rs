//! What a call costs: `cargo run --release --example calls -p basalt-runtime` (build the binary `basalt-worker` first).

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for people")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_core::{Clock, Timestamp};
use basalt_runtime::{
    BoxFuture, Code, Context, FunctionRuntime as _, HostApi, HostError, HostReply, HostRequest, Input, Invocation,
    Isolation, Kind, Limits, LogLine, Outcome, Report, Sources, Workers, WorkersOptions,
};
use bytes::Bytes;
use serde_json::json;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }
}

struct Silent;

impl HostApi for Silent {
    fn call(&self, _: HostRequest) -> BoxFuture<'_, Result<HostReply, HostError>> {
        Box::pin(async { Ok(HostReply { value: json!({"id": "b", "rev": "1"}), body: Bytes::new() }) })
    }

    fn log(&self, _: LogLine) {}
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let workers = start();
    let started = Instant::now();
    let echo = prepare(&workers, "export const f = callable((input) => input);").await;
    println!("prepare                  {:>9.2?}", started.elapsed());

    let started = Instant::now();
    call(&workers, &echo, "first", Isolation::Shared).await;
    println!("first call, new worker   {:>9.2?}", started.elapsed());

    quantiles("warm call", 5_000, async || call(&workers, &echo, "first", Isolation::Shared).await.wall).await;
    quantiles("cold call, live worker", 500, async || call(&workers, &echo, "first", Isolation::Fresh).await.wall)
        .await;
    let hosted =
        prepare(&workers, "export const f = callable(async (i, ctx) => { await ctx.db.collection('a').get('b'); });");
    let hosted = hosted.await;
    quantiles("warm call, 1 host call", 2_000, async || {
        call(&workers, &hosted, "hosted", Isolation::Shared).await.wall
    })
    .await;
    quantiles("new worker", 20, async || {
        let workers = start();
        let report = call(&workers, &echo, "first", Isolation::Shared).await;
        report.wall
    })
    .await;
    throughput(&workers, &echo).await;
    memory().await;
}

fn start() -> Arc<Workers> {
    let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("basalt-worker");
    assert!(PathBuf::from(&program).exists(), "build {} first", program.display());
    Arc::new(Workers::start(WorkersOptions::new(program), Arc::new(Fixed)).unwrap())
}

async fn prepare(workers: &Workers, text: &str) -> Arc<Code> {
    let text = format!("import {{ callable }} from \"basalt:functions\";\n{text}");
    let files = BTreeMap::from([("functions/f.ts".to_owned(), Bytes::from(text))]);
    let sources = Sources { entry: "functions/f.ts".to_owned(), files };
    Arc::new(workers.prepare(sources).await.unwrap().code)
}

async fn call(workers: &Workers, code: &Arc<Code>, name: &str, isolation: Isolation) -> Report {
    let invocation = Invocation {
        id: "i".to_owned(),
        function: "f".to_owned(),
        instance: name.to_owned(),
        code: Arc::clone(code),
        export: "f".to_owned(),
        kind: Kind::Callable,
        input: Input::Json(Bytes::from_static(b"{\"a\":1}")),
        context: Context::default(),
        limits: Limits::default(),
        isolation,
    };
    let started = Instant::now();
    let mut report = workers.invoke(invocation, Arc::new(Silent)).await;
    assert!(matches!(report.outcome, Outcome::Returned(_)), "{report:?}");
    report.wall = started.elapsed();
    report
}

async fn quantiles(what: &str, count: usize, run: impl AsyncFn() -> Duration) {
    run().await;
    let mut walls = Vec::with_capacity(count);
    for _ in 0..count {
        walls.push(run().await);
    }
    walls.sort_unstable();
    println!("{what:<24} p50 {:>9.2?}   p99 {:>9.2?}", walls[count / 2], walls[count * 99 / 100]);
}

async fn throughput(workers: &Arc<Workers>, code: &Arc<Code>) {
    const EACH: u32 = 2_000;
    for lanes in [1, 4, 32] {
        let started = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..lanes {
            let (workers, code) = (Arc::clone(workers), Arc::clone(code));
            tasks.spawn(async move {
                for _ in 0..EACH {
                    call(&workers, &code, "first", Isolation::Shared).await;
                }
            });
        }
        tasks.join_all().await;
        let rate = f64::from(EACH * lanes) / started.elapsed().as_secs_f64();
        println!("{lanes:>2} at once               {rate:>9.0} calls/s");
    }
}

async fn memory() {
    let workers = start();
    let code = prepare(&workers, "export const f = callable((input) => input);").await;
    for number in 0..1_000 {
        call(&workers, &code, &format!("f{number}"), Isolation::Shared).await;
    }
    let resident = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
    };
    let bytes: u64 = workers.pids().into_iter().map(resident).sum();
    let stats = workers.stats();
    println!("{} idle instances      {:>6} MB in {} workers", stats.instances, bytes >> 20, stats.workers);
}
