//! Two nodes on one PostgreSQL behave as one server.

use basalt_testing::{Answer, Client, Socket};
use serde_json::{Value, json};

use crate::support::{self, Nodes};

impl Nodes {
    /// A signed-in user, as each node sees him; and his id.
    async fn user(&self, name: &str) -> ([Client; 2], String) {
        let body = json!({"email": format!("{name}@example.com"), "password": "a long enough phrase"});
        let answer = self.first.client().post("/v1/auth/signup").json(&body).expect(201).await;
        let user = self.first.client().with_token(&answer.text_at("/session/accessToken"));
        ([user.clone(), user.at(self.services[1].base())], answer.text_at("/user/id"))
    }
}

async fn within_a_second(client: &Client, path: &str, wanted: impl Fn(&Answer) -> bool) {
    support::within_a_second(|| client.get(path), wanted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_takes_away_the_other_no_longer_gives() {
    let nodes = Nodes::start();
    nodes.define("plans", &json!({"rules": {"read": "'editor' in auth.roles"}})).await;
    let declare = |role: &str, inherits: Value| {
        nodes.services[0].put(&format!("/v1/admin/roles/{role}")).json(&json!({"inherits": inherits}))
    };
    declare("editor", json!([])).expect(200).await;
    nodes.services[0].put("/v1/collections/plans/documents/p").json(&json!({})).expect(201).await;
    let ([_, ann], id) = nodes.user("ann").await;
    let path = "/v1/collections/plans/documents/p";
    within_a_second(&ann, path, |answer| answer.code().as_deref() == Some("document_not_found")).await;
    for _ in 0..3 {
        let change =
            |roles: Value| nodes.services[0].patch(&format!("/v1/admin/users/{id}")).json(&json!({"roles": roles}));
        change(json!(["editor"])).expect(200).await;
        within_a_second(&ann, path, |answer| answer.status == 200).await;
        change(json!([])).expect(200).await;
        within_a_second(&ann, path, |answer| answer.status == 404).await;
    }
    // What a role inherits comes and goes as fast.
    declare("chief", json!([])).expect(200).await;
    let change = nodes.services[0].patch(&format!("/v1/admin/users/{id}")).json(&json!({"roles": ["chief"]}));
    change.expect(200).await;
    within_a_second(&ann, path, |answer| answer.status == 404).await;
    declare("chief", json!(["editor"])).expect(200).await;
    within_a_second(&ann, path, |answer| answer.status == 200).await;
    nodes.services[0].delete("/v1/admin/roles/chief").expect(204).await;
    within_a_second(&ann, path, |answer| answer.status == 404).await;
    nodes.services[0].delete(&format!("/v1/admin/users/{id}/sessions")).expect(204).await;
    within_a_second(&ann, path, |answer| answer.status == 401).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaked_signing_key_counts_nowhere_within_a_second() {
    let nodes = Nodes::start();
    let (anns, _) = nodes.user("ann").await;
    for ann in &anns {
        within_a_second(ann, "/v1/auth/me", |answer| answer.status == 200).await;
    }
    // The command is a third process on the database.
    nodes.first.run(&["keys", "rotate", "--drop-former"]);
    for ann in &anns {
        within_a_second(ann, "/v1/auth/me", |answer| answer.code().as_deref() == Some("invalid_token")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_reach_the_other_node() {
    let nodes = Nodes::start();
    nodes.define("notes", &json!({"rules": {"read": "true"}})).await;
    let path = "/v1/collections/notes/documents";
    let visitor = nodes.services[1].visitor();
    within_a_second(&visitor, path, |answer| answer.status == 200).await;
    nodes.define("notes", &json!({})).await;
    within_a_second(&visitor, path, |answer| answer.status == 403).await;
    // A write decided under the old definition is decided again under the new one.
    nodes.define("notes", &json!({"schema": {"required": ["title"]}})).await;
    nodes.services[1].post(path).json(&json!({})).problem(422, "schema_violation").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_one_took_the_other_replays() {
    let nodes = Nodes::start();
    nodes.define("things", &json!({})).await;
    let path = "/v1/collections/things/documents";
    let create = |node: usize| nodes.services[node].post(path).header("Idempotency-Key", "k").json(&json!({"n": 1}));
    let first = create(0).expect(201).await;
    within_a_second(&nodes.services[1], path, |answer| answer.status == 200).await;
    let second = create(1).expect(201).await;
    assert_eq!(second.header("idempotency-replayed").as_deref(), Some("true"));
    assert_eq!(second.body(), first.body());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_both_add_up() {
    let nodes = Nodes::start();
    nodes.define("things", &json!({})).await;
    let path = "/v1/collections/things/documents/counter";
    nodes.services[0].put(path).json(&json!({"n": 0})).expect(201).await;
    within_a_second(&nodes.services[1], path, |answer| answer.status == 200).await;
    let writers: Vec<_> = (0..100)
        .map(|n| {
            let client = nodes.services[n % 2].clone();
            tokio::spawn(async move { client.patch(path).json(&json!({"n": {"$increment": 1}})).send().await })
        })
        .collect();
    for writer in writers {
        let _ = writer.await.unwrap().expect(200);
    }
    for service in &nodes.services {
        assert_eq!(service.get(path).expect(200).await.at("/n"), 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_sign_ups_of_one_address_over_both_exactly_one_wins() {
    let nodes = Nodes::start();
    let sign_ups: Vec<_> = (0..50)
        .map(|n| {
            let client = nodes.services[n % 2].visitor();
            let body = json!({"email": "ann@example.com", "password": "a long enough phrase"});
            tokio::spawn(async move { client.post("/v1/auth/signup").json(&body).send().await })
        })
        .collect();
    let mut made = 0;
    for sign_up in sign_ups {
        let answer = sign_up.await.unwrap();
        assert!([201, 409, 429, 503].contains(&answer.status), "{answer}");
        made += usize::from(answer.status == 201);
    }
    assert_eq!(made, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cascade_is_done_once_whoever_does_it() {
    let nodes = Nodes::start();
    nodes.define("authors", &json!({})).await;
    nodes.define("books", &json!({"references": {"author": {"to": "authors", "onDelete": "cascade"}}})).await;
    let [first, second] = &nodes.services;
    within_a_second(second, "/v1/collections/books/documents", |answer| answer.status == 200).await;
    for author in ["a", "b"] {
        first.put(&format!("/v1/collections/authors/documents/{author}")).json(&json!({})).expect(201).await;
        let lines: Vec<String> =
            (0..200).map(|n| format!("{{\"id\":\"{author}{n}\",\"author\":\"{author}\"}}\n")).collect();
        let import = second.post("/v1/collections/books/import").body("application/x-ndjson", lines.concat());
        assert_eq!(import.expect(200).await.at("/created"), 200);
    }
    first.delete("/v1/collections/authors/documents/a").expect(204).await;
    second.delete("/v1/collections/authors/documents/b").expect(204).await;
    let mut lines = second.get("/v1/changes?collection=books&filter=op%20%3D%3D%20'delete'");
    lines = lines.header("accept", "text/event-stream");
    let mut lines = lines.open(200).await;
    let mut deleted = std::collections::BTreeSet::new();
    while deleted.len() < 400 {
        let (_, change) = lines.event().await.expect("a stream").expect("that goes on");
        assert!(deleted.insert(change["id"].to_string()), "deleted twice: {change}");
    }
    for service in &nodes.services {
        within_a_second(service, "/v1/collections/books/documents", |answer| answer.items().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restrict_holds_over_both() {
    let nodes = Nodes::start();
    nodes.define("authors", &json!({})).await;
    nodes.define("books", &json!({"references": {"author": {"to": "authors", "onDelete": "restrict"}}})).await;
    within_a_second(&nodes.services[1], "/v1/collections/books/documents", |answer| answer.status == 200).await;
    let races: Vec<_> = (0..30)
        .map(|n| {
            let [first, second] = nodes.services.clone();
            tokio::spawn(async move {
                let author = format!("/v1/collections/authors/documents/a{n}");
                first.put(&author).json(&json!({})).expect(201).await;
                let book = second.put(&format!("/v1/collections/books/documents/b{n}"));
                let book = book.json(&json!({"author": format!("a{n}")}));
                let (book, deleted) = tokio::join!(book.expect(201), first.delete(&author).send());
                match deleted.status {
                    // The one that came first in the log was there first; who refers to what is gone may.
                    204 => assert!(deleted.header("basalt-seq") < book.header("basalt-seq"), "{deleted}"),
                    _ => drop(deleted.problem(409, "referenced")),
                }
            })
        })
        .collect();
    for race in races {
        race.await.unwrap();
    }
}

/// Joins and hands back the key; who is there comes after.
async fn join(client: &Client, presence: Value) -> (Socket, Value) {
    let mut socket = client.socket().await;
    socket.send(&json!({"type": "join", "id": "j", "channel": "room:1", "presence": presence})).await;
    let key = socket.next_of("ok").await["key"].clone();
    (socket, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_one_node_is_gone_on_the_other() {
    let nodes = Nodes::start();
    let rules = json!({"rules": {"join": "auth != null", "publish": "auth != null"}});
    nodes.services[0].put("/v1/admin/channels/room:%7Broom%7D").json(&rules).expect(200).await;
    let ([ann, _], _) = nodes.user("ann").await;
    let ([_, ben], _) = nodes.user("ben").await;
    let ([_, cay], _) = nodes.user("cay").await;
    within_a_second(&ben, "/v1/channels/room:1/presence", |answer| answer.status == 200).await;
    let (mut anns, _) = join(&ann, json!({"n": 1})).await;
    let (bens, bens_key) = join(&ben, json!({"n": 2})).await;
    let (cays, cays_key) = join(&cay, json!({"n": 3})).await;
    until(&mut anns, "joined", &cays_key).await;
    // A connection that breaks is waited for; who says goodbye meanwhile is gone at once.
    drop(bens);
    cays.close().await;
    until(&mut anns, "left", &cays_key).await;
    assert_eq!(ann.get("/v1/channels/room:1/presence").expect(200).await.at("/count"), 2);
    until(&mut anns, "left", &bens_key).await;
}

/// Follows the news of who is there until somebody came or went.
async fn until(socket: &mut Socket, kind: &str, key: &Value) {
    loop {
        let frame = socket.next_of("presence").await;
        let members = frame[kind].as_array().into_iter().flatten();
        if members.into_iter().any(|member| member["key"] == *key) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_are_one_over_both() {
    let mut nodes = Nodes::start();
    let rules = json!({"rules": {"join": "auth != null", "publish": "auth != null"}});
    nodes.services[0].put("/v1/admin/channels/room:%7Broom%7D").json(&rules).expect(200).await;
    let ([ann, _], _) = nodes.user("ann").await;
    let ([_, ben], _) = nodes.user("ben").await;
    within_a_second(&ben, "/v1/channels/room:1/presence", |answer| answer.status == 200).await;
    let (mut anns, anns_key) = join(&ann, json!({"n": 1})).await;
    within_a_second(&ben, "/v1/channels/room:1/presence", |answer| answer.at("/count") == 1).await;
    let (mut bens, bens_key) = join(&ben, json!({"n": 2})).await;
    until(&mut anns, "joined", &bens_key).await;
    for n in 0..20 {
        anns.send(&json!({"type": "publish", "channel": "room:1", "event": "n", "data": n})).await;
    }
    for n in 0..20 {
        assert_eq!(bens.next_of("message").await["data"], n, "in order, and once");
    }
    bens.send(&json!({"type": "publish", "channel": "room:1", "event": "e", "data": "back"})).await;
    assert_eq!(anns.next_of("message").await["data"], "back", "never one's own");
    nodes.services[1].post("/v1/channels/room:1/messages").json(&json!({"event": "all"})).expect(202).await;
    for socket in [&mut anns, &mut bens] {
        assert_eq!(socket.next_of("message").await["event"], "all");
    }
    // A node that dies takes its clients with it, when its lease is over.
    nodes.first.kill();
    until(&mut bens, "left", &anns_key).await;
}
