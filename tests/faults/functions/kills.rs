//! kill -9 while events are handled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use basalt_testing::{Client, Engine, Process, is_long};
use serde_json::json;

use super::support::{all, define, deploy, eventually};
use crate::support::{life_of, live, server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    no_event_is_lost_by_a_kill(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    no_event_is_lost_by_a_kill(Engine::Postgres).await;
}

/// Tells of each delivery in a document of its own, so that doubles are seen.
const HANDLE: &str = r#"
    export const handle = onDocument("things", { on: ["create"] }, async (event: any, ctx) => {
        await ctx.asService().db.collection("handled").create({ of: event.doc.id, event: event.id, key: ctx.idempotencyKey });
    });
"#;

async fn no_event_is_lost_by_a_kill(engine: Engine) {
    let (mut process, client) = server(engine).await;
    define(&client, "handled").await;
    deploy(&client, HANDLE).await;
    let written = Arc::new(Mutex::new(Vec::new()));
    let rounds = if is_long() { 100 } else { 8 };
    for round in 0..rounds {
        let before = written.lock().unwrap().len();
        let writers: Vec<_> =
            (0..4).map(|n| tokio::spawn(write(client.clone(), format!("r{round}w{n}"), written.clone()))).collect();
        live(life_of(round) * 4, round, || written.lock().unwrap().len() - before).await;
        process.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        process.restart();
    }
    let written = written.lock().unwrap().clone();
    assert!(written.len() > rounds, "only {} were acknowledged: the kills came too early", written.len());
    let handled = eventually("every event", || async {
        let mut handled: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in all(&client, "handled").await {
            assert_eq!(row["event"], row["key"], "{row}");
            let of = row["of"].as_str().unwrap_or_default().to_owned();
            handled.entry(of).or_default().push(row["event"].as_str().unwrap_or_default().to_owned());
        }
        written.iter().all(|id| handled.contains_key(id)).then_some(handled)
    })
    .await;
    for (of, events) in handled {
        assert!(events.iter().all(|event| *event == events[0]), "{of} came as several events: {events:?}");
    }
    assert_well(&process);
}

/// Creates documents, noting what was acknowledged, until the server is gone.
async fn write(client: Client, name: String, written: Arc<Mutex<Vec<String>>>) {
    for n in 0..10_000 {
        let id = format!("{name}-{n}");
        let call = client.post("/v1/collections/things/documents").json(&json!({ "id": id }));
        let Ok(answer) = call.try_send().await else { return };
        assert_eq!(answer.status, 201, "{answer}");
        written.lock().unwrap().push(id);
    }
}

fn assert_well(process: &Process) {
    let log = process.log();
    let faults: Vec<&str> =
        log.lines().filter(|line| line.contains("\"ERROR\"") || line.contains("panicked")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
