//! kill -9 while files are uploaded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use basalt_testing::{Client, Engine, Process, Store, is_long};
use serde_json::Value;

use super::support::{assert_all_whole, file, noise, server, sha256};
use crate::support::{life_of, live};

const WRITERS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    no_acknowledged_file_is_lost_by_a_kill(Engine::Sqlite, Store::Local).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    no_acknowledged_file_is_lost_by_a_kill(Engine::Postgres, Store::Local).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_and_s3() {
    no_acknowledged_file_is_lost_by_a_kill(Engine::Sqlite, Store::S3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_and_s3() {
    no_acknowledged_file_is_lost_by_a_kill(Engine::Postgres, Store::S3).await;
}

/// The seeds of the bytes that a path may have: the last that was acknowledged, and the one that was under way.
type Written = Arc<Mutex<BTreeMap<String, (Option<u64>, u64)>>>;

fn count(written: &Written) -> usize {
    written.lock().unwrap().values().filter(|(done, _)| done.is_some()).count()
}

async fn no_acknowledged_file_is_lost_by_a_kill(engine: Engine, store: Store) {
    let Some((mut process, client)) = server(engine, store).await else { return };
    let rounds = if is_long() { 60 } else { 8 };
    let mut acknowledged = 0;
    for round in 0..rounds {
        let written = Written::default();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write_until_refused(client.clone(), (round, writer), written.clone())))
            .collect();
        let slower = if store == Store::Local { 1 } else { 5 };
        live(life_of(round) * slower, round, || count(&written)).await;
        process.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        process.restart();
        acknowledged += count(&written);
        let written = written.lock().unwrap().clone();
        assert_all_there(&client, written).await;
    }
    assert_all_whole(&client).await;
    assert!(acknowledged > rounds, "only {acknowledged} files were acknowledged: the kills came too early");
    assert_well(&process);
}

/// Most are small, some larger than a buffer.
fn content(seed: u64) -> Vec<u8> {
    noise(seed, if seed.is_multiple_of(5) { 300_000 } else { 4_000 })
}

/// Creates files and replaces each once, noting what was acknowledged, until the server is gone.
async fn write_until_refused(client: Client, (round, writer): (usize, u64), written: Written) {
    for n in 0..10_000 {
        let path = format!("r{round}/w{writer}/{n}");
        for version in 0..2 {
            let seed = (round as u64 * 100 + writer) * 100_000 + n * 2 + version;
            let before = written.lock().unwrap().get(&path).and_then(|(done, _)| *done);
            written.lock().unwrap().insert(path.clone(), (before, seed));
            let call = client.put(&file(&path)).body("application/octet-stream", content(seed));
            let Ok(answer) = call.try_send().await else { return };
            assert!([200, 201].contains(&answer.status), "{answer}");
            written.lock().unwrap().insert(path.clone(), (Some(seed), seed));
        }
    }
}

async fn assert_all_there(client: &Client, written: BTreeMap<String, (Option<u64>, u64)>) {
    for (path, (done, under_way)) in written {
        let answer = client.get(&file(&path)).send().await;
        let good = [done, Some(under_way)].into_iter().flatten().map(|seed| sha256(&content(seed)));
        match answer.status {
            200 => assert!(good.collect::<Vec<_>>().contains(&sha256(&answer.bytes)), "{path} has other bytes"),
            _ => assert_eq!((answer.status, done), (404, None), "{path} was acknowledged: {answer}"),
        }
    }
}

/// The server's own look at it finds nothing lost. (What broke off is swept after a day: tests/api/files/sweep.rs.)
fn assert_well(process: &Process) {
    let output = process.run(&["doctor", "--files", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks = told["checks"].as_array().expect("checks");
    let files = checks.iter().find(|check| check["name"] == "files").expect("a look at files");
    assert_eq!(files["ok"], true, "{told}");
}
