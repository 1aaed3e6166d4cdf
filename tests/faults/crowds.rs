//! Many subscribers at once: those who stop reading, those who come back together, and filters that nothing narrows.

use std::time::Duration;

use basalt_testing::{Client, Engine, List, Socket, is_long};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{memory, server};

/// Changes of one commit.
const TOGETHER: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_cost_bounded_memory_and_others_nothing() {
    for engine in Engine::BOTH {
        stopped_readers(engine, if is_long() { 500 } else { 50 }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_comes_back_at_once_holds_what_the_database_does() {
    for engine in Engine::BOTH {
        come_back(engine, if is_long() { 5_000 } else { 500 }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_cost_a_change_what_they_have_to() {
    for engine in Engine::BOTH {
        filters(engine, if is_long() { 10_000 } else { 1_000 }).await;
    }
}

/// A hundred clients that don't read, each under a name of his own so that nothing is shared between them, beside some
/// that do: what is written in all is many times what may wait.
async fn stopped_readers(engine: Engine, commits: usize) {
    let (process, client) = server(engine).await;
    let subscription = |n: usize| json!({"id": format!("s{n}"), "collection": "things", "sort": "n"});
    let mut stopped = Vec::new();
    for n in 0..100 {
        let mut socket = client.narrow_socket().await;
        stopped.push((socket.subscribe(subscription(n)).await, socket));
    }
    let mut quick = Vec::new();
    for n in 0..3 {
        let mut socket = client.socket().await;
        quick.push((socket.subscribe(subscription(n)).await, socket));
    }
    let before = memory(&process);
    for commit in 0..commits {
        write(&client, commit).await;
        for (list, socket) in &mut quick {
            follow(list, socket).await;
        }
    }
    let grown = memory(&process).saturating_sub(before);
    // A mebibyte each may wait, and what the buffers of the way hold; 100 MB and more of each were written for them.
    assert!(grown < 400 << 20, "the server grew by {} MiB", grown >> 20);
    let wanted = client.post("/v1/collections/things/query").json(&json!({"sort": "n", "limit": 500}));
    let wanted = wanted.expect(200).await.items();
    for (list, _) in &quick {
        assert_eq!(list.docs, wanted);
        assert_eq!(list.frames, 1 + commits * TOGETHER, "each change, once, and nothing besides");
    }
    for (mut list, mut socket) in stopped {
        let mut resynced = false;
        while list.docs != wanted {
            let frame = socket.next().await;
            resynced |= frame["type"] == "resync";
            list.apply(&frame);
        }
        assert!(resynced, "all of it was kept for {}", list.id);
    }
}

/// One commit of [`TOGETHER`] changes, 200 kB in all.
async fn write(client: &Client, commit: usize) {
    let text = "x".repeat(10_000);
    let operations: Vec<Value> = (0..TOGETHER)
        .map(|n| {
            let data = json!({"n": n, "commit": commit, "text": text});
            json!({"op": "patch", "collection": "things", "id": format!("d{n:02}"), "patch": data, "upsert": true})
        })
        .collect();
    client.post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
}

/// Applies the frames of one commit.
async fn follow(list: &mut List, socket: &mut Socket) {
    for n in 1..=TOGETHER {
        let frame = socket.next().await;
        assert_eq!(frame["type"], "change", "{frame}");
        assert_eq!(frame["more"] == true, n < TOGETHER);
        list.apply(&frame);
    }
}

/// The server is killed; all its clients are back as soon as it is, each with what it held.
async fn come_back(engine: Engine, count: usize) {
    let (mut process, client) = server(engine).await;
    put(&client, 0).await;
    let mut gathering = JoinSet::new();
    let mut held = Vec::new();
    for _ in 0..count {
        if gathering.len() >= 50 {
            held.push(gathering.join_next().await.unwrap().unwrap());
        }
        let client = client.clone();
        gathering.spawn(async move {
            let mut socket = client.narrow_socket().await;
            let list = socket.subscribe(subscription()).await;
            (list, socket)
        });
    }
    held.extend(gathering.join_all().await);
    process.kill();
    process.restart();
    put(&client, 1).await;
    let wanted = client.post("/v1/collections/things/query").json(&json!({"sort": "n", "limit": 500}));
    let wanted = wanted.expect(200).await.items();
    let mut coming = JoinSet::new();
    for (mut list, _broken) in held {
        let (client, wanted) = (client.clone(), wanted.clone());
        coming.spawn(async move {
            let mut socket = come(&client).await;
            socket.send(&list.resume(&subscription())).await;
            socket.until(&mut list, &wanted).await;
        });
    }
    coming.join_all().await;
}

fn subscription() -> Value {
    json!({"id": "s", "collection": "things", "sort": "n"})
}

/// A server that has no place yet says so; one comes again then.
async fn come(client: &Client) -> Socket {
    loop {
        match client.try_narrow_socket().await {
            Ok(socket) => return socket,
            Err(status) => assert!([0, 503].contains(&status), "the upgrade was answered {status}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn put(client: &Client, round: usize) {
    for n in 0..20 {
        let path = format!("/v1/collections/things/documents/d{}", n + round * 7);
        client.put(&path).json(&json!({"n": n * 10 + round})).send().await;
    }
}

/// Filters that no equality narrows are asked at each change, each once; those that one does only when it holds.
async fn filters(engine: Engine, count: usize) {
    const CHANGES: usize = 10;
    let (_process, client) = server(engine).await;
    let mut sockets = Vec::new();
    for n in 0..count {
        if n % 100 == 0 {
            sockets.push(client.socket().await);
        }
        let filter = if n % 2 == 0 { format!("text.contains('needle {n}.')") } else { format!("n > {n}") };
        let frame = json!({"id": format!("s{n}"), "collection": "things", "filter": filter});
        sockets.last_mut().unwrap().subscribe(frame).await;
        if n % 100 == 99 {
            // Frames of one connection may come 200 at once.
            let name = format!("owner{n}");
            sockets.push(client.socket().await);
            let frame = json!({"id": "s", "collection": "things", "filter": format!("owner == '{name}'")});
            sockets.last_mut().unwrap().subscribe(frame).await;
        }
    }
    if count == 10_000 {
        let mut socket = client.socket().await;
        socket.send(&json!({"type": "subscribe", "id": "s", "collection": "things", "filter": "n > 7.5"})).await;
        assert_eq!(socket.next().await["code"], "overloaded", "that many are asked at each change, and no more");
    }
    let evaluations = metric(&client, "basalt_realtime_evaluations_total").await;
    for n in 0..CHANGES {
        let body = json!({"n": 2, "text": "a needle, but none of theirs", "owner": "owner99"});
        client.put(&format!("/v1/collections/things/documents/d{n}")).json(&body).expect(201).await;
    }
    for n in 0..CHANGES {
        // `n > 1` of the first, and the owner's, who comes after it.
        for (socket, name) in [(0, "s1"), (1, "s")] {
            let frame = sockets[socket].next().await;
            assert_eq!((&frame["id"], &frame["doc"]["id"]), (&json!(name), &json!(format!("d{n}"))), "{frame}");
        }
    }
    let evaluations = metric(&client, "basalt_realtime_evaluations_total").await - evaluations;
    assert_eq!(evaluations, CHANGES * (count + 1));
}

/// One of the server's own figures.
async fn metric(client: &Client, name: &str) -> usize {
    let text = client.get("/metrics").expect(200).await.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}
