use basalt_testing::{Client, Engine, Process};
use serde_json::json;

/// Rounds of kill -9: few in every run, many in `make test-long`.
pub(crate) fn rounds() -> usize {
    if basalt_testing::is_long() { 200 } else { 20 }
}

/// A server with the collection `things`, and a client that may write there.
pub(crate) async fn server(engine: Engine) -> (Process, Client) {
    let process = Process::start(engine, &[]);
    let client = process.service("*");
    let definition = json!({"indexes": [{"fields": ["n"]}]});
    let answer = client.put("/v1/admin/collections/things").json(&definition).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
    (process, client)
}

/// How long the server lives in this round: from at once to some tens of milliseconds, so that kills fall everywhere.
pub(crate) fn life_of(round: usize) -> std::time::Duration {
    std::time::Duration::from_millis((round as u64 * 37) % 120 + 3)
}
