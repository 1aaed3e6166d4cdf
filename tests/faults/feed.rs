//! The change feed and imports across kills.

use std::collections::BTreeSet;

use basalt_testing::{Client, Engine, Lines, Process, is_long};
use serde_json::{Value, json};

use crate::support::server;

fn rounds() -> usize {
    if is_long() { 20 } else { 3 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_misses_and_doubles_nothing_across_restarts() {
    for engine in Engine::BOTH {
        let (mut process, client) = server(engine).await;
        let mut last = String::new();
        let mut seen = Vec::new();
        let mut written = 0;
        for round in 0..rounds() {
            let mut lines = open(&client, &last).await;
            for _ in 0..20 {
                let body = json!({"id": format!("d{written}"), "n": written});
                client.post("/v1/collections/things/documents").json(&body).expect(201).await;
                written += 1;
            }
            // Some of them are read before the server goes, the others after it is back.
            while seen.len() < written - 7 {
                take(&mut lines, &mut last, &mut seen).await;
            }
            if round % 2 == 0 {
                process.kill();
            } else {
                drop(lines);
                process.stop();
            }
            process.restart();
        }
        let mut lines = open(&client, &last).await;
        while seen.len() < written {
            take(&mut lines, &mut last, &mut seen).await;
        }
        let wanted: Vec<String> = (0..written).map(|n| format!("d{n}")).collect();
        assert_eq!(seen, wanted);
    }
}

async fn open(client: &Client, last: &str) -> Lines {
    let call = client.get("/v1/changes?since=0&collection=things").header("accept", "text/event-stream");
    call.header("last-event-id", last).open(200).await
}

async fn take(lines: &mut Lines, last: &mut String, seen: &mut Vec<String>) {
    let (id, change) = lines.event().await.expect("the stream goes on").expect("an event");
    *last = id;
    seen.push(change["id"].as_str().expect("an id").to_owned());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_import_goes_on_where_it_was() {
    const COUNT: usize = 5_000;
    for engine in Engine::BOTH {
        let (mut process, client) = server(engine).await;
        let lines: Vec<String> = (1..=COUNT).map(|n| format!("{{\"id\":\"d{n}\",\"n\":{n}}}\n")).collect();
        let path = "/v1/collections/things/import?mode=create&progress=true";
        let call = client.post(path).body("application/x-ndjson", lines.concat());
        let mut answer = call.open(200).await;
        let mut from = 1;
        // Killed after the first word of progress: what it says is done is done.
        if let Ok(Some(line)) = answer.try_next().await {
            let told: Value = serde_json::from_str(&line).expect("a line");
            from = told["progress"]["lastLine"].as_u64().expect("a line's number") + 1;
        }
        process.kill();
        process.restart();
        let path = format!("/v1/collections/things/import?mode=create&from={from}");
        let again = client.post(&path).body("application/x-ndjson", lines.concat()).expect(200).await;
        let text = again.text();
        let told: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        let (done, failures) = told.split_last().expect("a last line");
        assert_eq!((&done["done"], &done["lastLine"]), (&json!(true), &json!(COUNT)));
        // Beyond that some may have been done, too: they are there, and nothing else fails.
        assert!(failures.iter().all(|failure| failure["code"] == "document_exists"), "{failures:?}");
        let exported = client.get("/v1/collections/things/export").expect(200).await.text();
        let ids: BTreeSet<String> = exported
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).expect("a document")["id"].as_str().expect("an id").to_owned()
            })
            .collect();
        assert_eq!((ids.len(), exported.lines().count()), (COUNT, COUNT));
    }
}

/// What the server's memory came to at most, in MiB.
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

/// A million in the long run: some 400 MB in, 500 MB out, and all of it in the log as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_documents_go_in_and_out_in_constant_memory() {
    const PIECE: usize = 1_000;
    let pieces = if is_long() { 1_000 } else { 12 };
    let count = pieces * PIECE;
    for engine in Engine::BOTH {
        let (process, client) = server(engine).await;
        let text = "x".repeat(350);
        let piece = move |piece: usize| {
            let lines = (piece * PIECE..(piece + 1) * PIECE)
                .map(|n| format!("{{\"id\":\"d{n:07}\",\"n\":{n},\"text\":\"{text}\"}}\n"));
            Ok::<_, std::io::Error>(lines.collect::<Vec<_>>().concat().into_bytes())
        };
        let body = futures_util::stream::iter((0..pieces).map(piece));
        let call = client.post("/v1/collections/things/import?progress=true").pieces("application/x-ndjson", body);
        let (mut lines, mut last) = (call.open(200).await, Value::Null);
        while let Some(line) = lines.json().await {
            last = line;
        }
        assert_eq!((&last["done"], &last["created"], &last["failed"]), (&json!(true), &json!(count), &json!(0)));
        let mut lines = client.get("/v1/collections/things/export").open(200).await;
        for n in 0..count {
            let line = lines.next().await.unwrap_or_else(|| panic!("it ends at {n}"));
            let id = format!("\"id\":\"d{n:07}\"");
            assert!(line.contains(&id), "in the order of ids, and none is missing: {line}");
        }
        assert_eq!(lines.next().await, None);
        let peak = peak(&process);
        println!("{engine:?}: {count} documents, {peak} MiB at most");
        assert!(peak < 384, "{engine:?}: {peak} MiB");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_take_collections_in_and_out() {
    for engine in Engine::BOTH {
        let (mut process, client) = server(engine).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("things.ndjson");
        let lines: Vec<String> = (0..1_000).map(|n| format!("{{\"id\":\"d{n:04}\",\"n\":{n}}}\n")).collect();
        std::fs::write(&file, lines.concat() + "no json\n").expect("the file");
        let file = file.to_str().expect("a path");
        // On a running server, with one line that fails.
        let output = process.try_run(&["import", "things", file, "--json"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("\"line\":1001") && told.contains("\"created\": 1000"), "{told}");
        assert_eq!(client.get("/v1/collections/things/documents/d0999").expect(200).await.at("/n"), 999);
        // On a stopped one.
        process.stop();
        let exported = process.run(&["export", "things", "--filter", "n >= 990"]);
        let exported = String::from_utf8_lossy(&exported.stdout).into_owned();
        assert_eq!(exported.lines().count(), 10, "{exported}");
        std::fs::write(file, &exported).expect("the file");
        let output = process.run(&["import", "things", file, "--mode", "replace"]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("10 replaced"), "{output:?}");
        process.restart();
        let again = process.run(&["export", "things", "--filter", "n >= 990"]);
        assert_eq!(String::from_utf8_lossy(&again.stdout).lines().count(), 10);
        // Compressed, out and in again.
        let zipped = process.run(&["export", "things", "--gzip"]).stdout;
        assert!(zipped.starts_with(&[0x1f, 0x8b]) && zipped.len() < 40_000, "{} bytes", zipped.len());
        std::fs::write(file, &zipped).expect("the file");
        let output = process.run(&["import", "things", file, "--mode", "replace"]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("1000 replaced"), "{output:?}");
        std::fs::write(file, &zipped[..zipped.len() / 2]).expect("the file");
        let output = process.try_run(&["import", "things", file, "--mode", "replace"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}
