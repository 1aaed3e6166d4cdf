//! What was answered 2xx is there after kill -9.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use basalt_testing::{Client, Engine};
use serde_json::{Value, json};

use crate::support::{life_of, live, rounds, server};

const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    no_acknowledged_write_is_lost_by_a_kill(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    no_acknowledged_write_is_lost_by_a_kill(Engine::Postgres).await;
}

/// The last acknowledged value of each document.
type Acknowledged = Arc<Mutex<BTreeMap<String, i64>>>;

async fn no_acknowledged_write_is_lost_by_a_kill(engine: Engine) {
    let (mut process, client) = server(engine).await;
    let acknowledged = Acknowledged::default();
    let mut total = 0;
    for round in 0..rounds() {
        let before = acknowledged.lock().unwrap().len();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write_until_refused(client.clone(), round, writer, acknowledged.clone())))
            .collect();
        live(life_of(round), round, || acknowledged.lock().unwrap().len() - before).await;
        process.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        process.restart();
        total += acknowledged.lock().unwrap().len() - before;
        assert_all_there(&client, &acknowledged).await;
    }
    assert!(total > rounds(), "only {total} writes were acknowledged: the kills came too early to show anything");
}

/// Creates documents and raises each once, noting what was acknowledged, until the server is gone.
async fn write_until_refused(client: Client, round: usize, writer: usize, acknowledged: Acknowledged) {
    for n in 0.. {
        let id = format!("r{round}-w{writer}-{n}");
        let path = format!("/v1/collections/things/documents/{id}");
        for value in 1..=2 {
            let Ok(answer) = client.put(&path).json(&json!({"n": value})).try_send().await else { return };
            assert!([200, 201].contains(&answer.status), "{answer}");
            acknowledged.lock().unwrap().insert(id.clone(), value);
        }
    }
}

/// Each acknowledged document has its acknowledged value, or the one that was under way when the server was killed.
async fn assert_all_there(client: &Client, acknowledged: &Acknowledged) {
    let wanted = acknowledged.lock().unwrap().clone();
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    let mut cursor = Value::Null;
    loop {
        let mut body = json!({"limit": 500, "select": ["n"]});
        if !cursor.is_null() {
            body["cursor"] = cursor;
        }
        let page = client.post("/v1/collections/things/query").json(&body).expect(200).await;
        for item in page.items() {
            found.insert(item["id"].as_str().unwrap().to_owned(), item["n"].as_i64().unwrap());
        }
        cursor = page.at("/nextCursor");
        if cursor.is_null() {
            break;
        }
    }
    let lost: Vec<&String> =
        wanted.iter().filter(|(id, value)| found.get(*id) < Some(value)).map(|(id, _)| id).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged writes are lost: {lost:?}", lost.len(), wanted.len());
}
