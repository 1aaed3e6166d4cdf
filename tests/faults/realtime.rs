//! Live queries over restarts and over nodes.

use std::time::Duration;

use basalt_testing::{Client, Engine, List, Socket, is_long};
use serde_json::{Value, json};

use crate::support::{Nodes, life_of, server};

const CLIENTS: usize = 8;
const WRITERS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    clients_that_resume_hold_what_the_database_does(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    clients_that_resume_hold_what_the_database_does(Engine::Postgres).await;
}

/// The server is killed and restarted again and again under load.
async fn clients_that_resume_hold_what_the_database_does(engine: Engine) {
    let (mut process, client) = server(engine).await;
    let mut watchers: Vec<_> = (0..CLIENTS).map(|n| tokio::spawn(watch(client.clone(), n, None))).collect();
    for round in 0..if is_long() { 20 } else { 5 } {
        let writers: Vec<_> = (0..WRITERS).map(|n| tokio::spawn(write(client.clone(), round * WRITERS + n))).collect();
        tokio::time::sleep(life_of(round) * 4).await;
        process.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        process.restart();
        let mut lists = Vec::new();
        for watcher in watchers {
            lists.push(watcher.await.unwrap());
        }
        watchers =
            lists.into_iter().enumerate().map(|(n, list)| tokio::spawn(watch(client.clone(), n, Some(list)))).collect();
    }
    process.kill();
    let mut lists = Vec::new();
    for watcher in watchers {
        lists.push(watcher.await.unwrap());
    }
    process.restart();
    for (n, mut list) in lists.into_iter().enumerate() {
        let mut socket = client.socket().await;
        begin(&mut socket, n, Some(&list)).await;
        let wanted = result(&client, n).await;
        socket.until(&mut list, &wanted).await;
    }
}

fn subscription(n: usize) -> Value {
    match n % 3 {
        0 => json!({"id": "s", "collection": "things", "filter": "n > 3", "sort": "-n"}),
        1 => json!({"id": "s", "collection": "things", "sort": "n", "limit": 5}),
        _ => json!({"id": "s", "collection": "things", "filter": format!("group == {}", n % 2)}),
    }
}

/// What a query answers.
async fn result(client: &Client, n: usize) -> Vec<Value> {
    let mut body = subscription(n);
    body.as_object_mut().unwrap().remove("id");
    body.as_object_mut().unwrap().remove("collection");
    if body.get("limit").is_none() {
        body["limit"] = 500.into();
    }
    client.post("/v1/collections/things/query").json(&body).expect(200).await.items()
}

async fn begin(socket: &mut Socket, n: usize, list: Option<&List>) {
    let mut frame = subscription(n);
    frame["type"] = "subscribe".into();
    if let Some(list) = list.filter(|list| !list.seq.is_empty()) {
        frame = list.resume(&frame);
    }
    socket.send(&frame).await;
}

/// Follows until the connection breaks; hands back what was held then.
async fn watch(client: Client, n: usize, list: Option<List>) -> List {
    let mut list = list.unwrap_or_else(|| List::new("s"));
    let Ok(mut socket) = client.try_socket().await else { return list };
    begin(&mut socket, n, Some(&list)).await;
    // Frames of one commit are applied together, or not at all.
    let mut whole = list.clone();
    while let Some(frame) = socket.try_next().await {
        list.apply(&frame);
        if frame["more"] != true {
            whole = list.clone();
        }
    }
    whole
}

async fn write(client: Client, seed: usize) {
    for n in seed.. {
        let id = format!("d{}", (n * 7 + seed) % 60);
        let path = format!("/v1/collections/things/documents/{id}");
        let call = match n % 5 {
            0 => client.delete(&path),
            _ => client.put(&path).json(&json!({"n": n % 11, "group": n % 3})),
        };
        if call.try_send().await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_node_took_the_write_all_hear_of_it() {
    let nodes = Nodes::start();
    nodes.define("things", &json!({"rules": {"read": "'editor' in auth.roles"}})).await;
    let Nodes { first, second, services } = nodes;
    let body = json!({"email": "ann@example.com", "password": "a long enough phrase"});
    let answer = first.client().post("/v1/auth/signup").json(&body).expect(201).await;
    let user = format!("/v1/admin/users/{}", answer.text_at("/user/id"));
    services[0].put("/v1/admin/roles/editor").json(&json!({})).send().await;
    services[1].patch(&user).json(&json!({"roles": ["editor"]})).expect(200).await;
    let ann = first.client().with_token(&answer.text_at("/session/accessToken"));
    let mut sockets = [ann.socket().await, ann.at(&second.base()).socket().await];
    let mut lists = Vec::new();
    for socket in &mut sockets {
        let mut list = socket.subscribe(json!({"id": "s", "collection": "things", "sort": "n"})).await;
        // The role may be on its way still.
        socket.until(&mut list, &[]).await;
        lists.push(list);
    }
    for n in 0..40 {
        let path = format!("/v1/collections/things/documents/d{n}");
        services[n % 2].put(&path).json(&json!({"n": n})).expect(201).await;
    }
    let body = json!({"sort": "n", "limit": 500});
    let wanted = services[0].post("/v1/collections/things/query").json(&body).expect(200).await.items();
    for (socket, list) in sockets.iter_mut().zip(&mut lists) {
        socket.until(list, &wanted).await;
    }
    // What the first takes away, the second's clients lose as well.
    services[0].patch(&user).json(&json!({"roles": []})).expect(200).await;
    for (socket, list) in sockets.iter_mut().zip(&mut lists) {
        tokio::time::timeout(Duration::from_secs(5), socket.until(list, &[])).await.unwrap();
    }
    services[0].delete(&format!("{user}/sessions")).expect(204).await;
    for socket in &mut sockets {
        assert_eq!(socket.next_of("auth_expired").await, json!({"type": "auth_expired"}));
    }
}
