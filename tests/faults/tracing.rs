//! A collector that stands still.

use std::time::{Duration, Instant};

use basalt_testing::{Client, Collector, Engine, Process, Reply, eventually, is_long};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::memory;

/// What docs/tracing.md says of spans that wait, and of those that are one request to the collector.
const WAITING: u64 = 8_192;
const BATCH: u64 = 512;
/// Far more than may wait.
const STORM: u64 = 12_000;

const DROPPED: &str = "basalt_spans_dropped_total";
const SENT: &str = "basalt_spans_sent_total";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A server whose spans nobody takes.
async fn start() -> (Process, Collector) {
    let collector = Collector::start().await;
    collector.receiver().answers(|_| Reply::Silence);
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    process.set("BASALT_OTLP_URL", &collector.url());
    process.restart();
    (process, collector)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_memory_are_spared_and_spans_flow_when_it_goes_on() {
    let (process, collector) = start().await;
    let client = process.service("*");
    storm(&process).await;
    let mut dropped = counter(&client, DROPPED).await;
    assert!(dropped >= STORM - WAITING - 2 * BATCH, "only {dropped} were dropped: the others wait");
    let before = memory(&process);
    for _ in 0..if is_long() { 20 } else { 1 } {
        storm(&process).await;
        let now = counter(&client, DROPPED).await;
        assert!(now - dropped >= STORM - 2 * BATCH, "only {} were dropped beside a full queue", now - dropped);
        dropped = now;
    }
    let grown = memory(&process).saturating_sub(before);
    assert!(grown < 32 << 20, "the server grew by {} MiB", grown >> 20);
    assert_eq!(counter(&client, SENT).await, 0);

    collector.receiver().answers(|_| Reply::with(200, &[("content-type", "application/x-protobuf")], ""));
    // From then on there is room.
    eventually("a batch that is taken", || async { (counter(&client, SENT).await > 0).then_some(()) }).await;
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    client.visitor().get("/v1/auth/me").header("traceparent", &traceparent).expect(401).await;
    collector.until(|spans| spans.iter().any(|span| span.trace == TRACE)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_it() {
    let (mut process, _collector) = start().await;
    storm(&process).await;
    let begin = Instant::now();
    let status = process.stop();
    assert!(status.success(), "{status}");
    // One try after the other would take more than a minute.
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
}

/// So many requests, each answered, and a span each.
async fn storm(process: &Process) {
    let address = process.base().replace("http://", "");
    join_all((0..4).map(|_| one_behind_the_other(&address, STORM / 4))).await;
}

/// Sends without waiting for answers, and reads all of them.
async fn one_behind_the_other(address: &str, count: u64) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut answers, mut requests) = stream.split();
    let head = "GET /v1/auth/me HTTP/1.1\r\nHost: localhost\r\n";
    let some = format!("{head}\r\n").repeat(usize::try_from(count).unwrap() - 1);
    let all = format!("{some}{head}Connection: close\r\n\r\n");
    let mut told = Vec::new();
    let (sent, read) = tokio::join!(requests.write_all(all.as_bytes()), answers.read_to_end(&mut told));
    sent.unwrap();
    read.unwrap();
    let told = String::from_utf8_lossy(&told);
    assert_eq!(told.matches("HTTP/1.1 401 ").count() as u64, count, "each is answered");
}

async fn counter(client: &Client, name: &str) -> u64 {
    let text = client.get("/metrics").expect(200).await.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0)
}
