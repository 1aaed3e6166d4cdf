use std::time::{Duration, Instant};

use basalt_testing::{Answer, Call, Client, Engine, Process};
use serde_json::{Value, json};

/// What a node promises about changes that another one made.
pub(crate) const A_SECOND: Duration = Duration::from_secs(1);

/// Rounds of kill -9: few in every run, many in `make test-long`.
pub(crate) fn rounds() -> usize {
    if basalt_testing::is_long() { 200 } else { 20 }
}

/// A server with the collection `things`, and a client that may write there.
pub(crate) async fn server(engine: Engine) -> (Process, Client) {
    let process = Process::start(engine, &[]);
    let client = process.service("*");
    define_things(&client).await;
    (process, client)
}

pub(crate) async fn define_things(client: &Client) {
    let definition = json!({"indexes": [{"fields": ["n"]}]});
    let answer = client.put("/v1/admin/collections/things").json(&definition).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
}

/// How long the server lives in this round: from at once to some tens of milliseconds, so that kills fall everywhere.
pub(crate) fn life_of(round: usize) -> Duration {
    Duration::from_millis((round as u64 * 37) % 120 + 3)
}

/// Lets the server live for as long, and in three of four rounds until something was acknowledged, however slow the disk is.
pub(crate) async fn live(life: Duration, round: usize, acknowledged: impl Fn() -> usize) {
    tokio::time::sleep(life).await;
    basalt_testing::eventually("an acknowledged write", async || (acknowledged() >= round % 4).then_some(())).await;
}

/// Two nodes on one PostgreSQL.
pub(crate) struct Nodes {
    pub(crate) first: Process,
    pub(crate) second: Process,
    /// A service on each.
    pub(crate) services: [Client; 2],
}

impl Nodes {
    pub(crate) fn start() -> Self {
        let mut first = Process::prepare(Engine::Postgres, &[]);
        first.set("BASALT_PUBLIC_URL", "https://api.example.org");
        first.restart();
        let mut second = first.prepare_second_node();
        second.restart();
        let service = first.service("*");
        let services = [service.clone(), service.at(&second.base())];
        Self { first, second, services }
    }

    pub(crate) async fn define(&self, collection: &str, definition: &Value) {
        let path = format!("/v1/admin/collections/{collection}");
        self.services[0].put(&path).json(definition).expect(200).await;
    }
}

/// Asks until the answer is as wanted, and hands it back; fails when that takes longer than promised.
pub(crate) async fn within_a_second(ask: impl Fn() -> Call, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let begin = Instant::now();
    loop {
        let answer = ask().send().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(begin.elapsed() < A_SECOND, "after a second still: {answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Resident bytes of a server.
pub(crate) fn memory(process: &Process) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}
