//! The database goes away under the server and comes back.

use std::time::{Duration, Instant};

use basalt_testing::{Answer, Client, Engine, Process};
use serde_json::json;

use crate::cluster::Cluster;

const THINGS: &str = "/v1/collections/things/documents";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_gone_is_told_and_its_return_heals_by_itself() {
    let cluster = Cluster::start();
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    process.set("BASALT_DATABASE_URL", &cluster.url());
    process.set("BASALT_SINGLE_NODE", "true");
    process.set("BASALT_SECRET", "a secret of this test, which nobody else has to know");
    process.restart();
    let client = process.service("*");
    client.put("/v1/admin/collections/things").json(&json!({})).expect(200).await;
    client.post(THINGS).json(&json!({"id": "before"})).expect(201).await;

    cluster.stop();
    let answer = process.client().get("/health/ready").problem(503, "unavailable").await;
    assert!(!answer.text().contains("127.0.0.1"), "where the database is, is nobody's business: {answer}");
    process.client().get("/health/live").expect(200).await;
    client.get(&format!("{THINGS}/before")).problem(503, "unavailable").await;
    client.post(THINGS).json(&json!({"id": "during"})).problem(503, "unavailable").await;
    let login = json!({"email": "ann@example.com", "password": "a long enough phrase"});
    process.client().post("/v1/auth/login").json(&login).problem(503, "unavailable").await;

    cluster.resume();
    until(&process.client(), "/health/ready", |answer| answer.status == 200).await;
    client.get(&format!("{THINGS}/before")).expect(200).await;
    client.get(&format!("{THINGS}/during")).problem(404, "document_not_found").await;
    client.post(THINGS).json(&json!({"id": "after"})).expect(201).await;
}

/// Asks until the answer is as wanted.
async fn until(client: &Client, path: &str, wanted: impl Fn(&Answer) -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = client.get(path).send().await;
        if wanted(&answer) {
            return;
        }
        assert!(Instant::now() < limit, "still: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
