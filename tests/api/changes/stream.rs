use basalt_testing::{Lines, TestServer, on_both_engines};
use serde_json::{Value, json};

use super::define;
use crate::support::{create, document};

on_both_engines! {
    changes_are_told_as_they_come,
    the_last_event_id_resumes,
    many_readers_see_the_same,
    a_filter_and_a_collection_hold_for_streams,
    a_revoked_key_ends_the_stream,
    a_stopping_server_ends_it_with_a_hint,
    who_is_no_service_gets_no_stream,
}

const CHANGES: &str = "/v1/changes";

async fn open(client: &basalt_testing::Client, query: &str) -> Lines {
    client.get(&format!("{CHANGES}?{query}")).header("accept", "text/event-stream").open(200).await
}

async fn event(lines: &mut Lines) -> (String, Value) {
    lines.event().await.unwrap().expect("the stream goes on")
}

async fn changes_are_told_as_they_come(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service();
    create(service, "notes", json!({"id": "n1"})).await;
    let mut lines = open(service, "collection=notes").await;
    assert_eq!(lines.header("content-type").as_deref(), Some("text/event-stream"));
    assert_eq!(lines.header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(event(&mut lines).await.1["id"], "n1");
    for n in 2..5 {
        let id = format!("n{n}");
        create(service, "notes", json!({"id": id})).await;
        let (cursor, change) = event(&mut lines).await;
        assert_eq!((&change["id"], &change["op"]), (&json!(id), &json!("create")));
        assert!(cursor.ends_with(change["seq"].as_str().unwrap()), "{cursor}");
    }
}

async fn the_last_event_id_resumes(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service();
    let mut seen = Vec::new();
    let mut last = String::new();
    for n in 0..6 {
        create(service, "notes", json!({"id": format!("n{n}")})).await;
        if n % 2 == 0 {
            continue;
        }
        let call = service.get(&format!("{CHANGES}?since=0&collection=notes")).header("accept", "text/event-stream");
        let mut lines = call.header("last-event-id", &last).open(200).await;
        for _ in 0..2 {
            let (id, change) = event(&mut lines).await;
            last = id;
            seen.push(change["id"].clone());
        }
    }
    assert_eq!(seen, ["n0", "n1", "n2", "n3", "n4", "n5"]);
}

async fn many_readers_see_the_same(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service();
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut lines = open(service, "since=now&collection=notes").await;
        readers.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 50 {
                seen.push(event(&mut lines).await.1["id"].as_str().unwrap().to_owned());
            }
            seen
        }));
    }
    for n in 0..50 {
        create(service, "notes", json!({"id": format!("n{n}")})).await;
    }
    let wanted: Vec<String> = (0..50).map(|n| format!("n{n}")).collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), wanted);
    }
}

async fn a_filter_and_a_collection_hold_for_streams(server: TestServer) {
    define(&server, &["a", "b"]).await;
    let service = server.service();
    let mut lines = open(service, "since=0&collection=a&filter=op%20%3D%3D%20'update'").await;
    for name in ["a", "b"] {
        create(service, name, json!({"id": "x"})).await;
        service.patch(&document(name, "x")).json(&json!({"n": 1})).expect(200).await;
    }
    service.patch(&document("a", "x")).json(&json!({"n": 2})).expect(200).await;
    for n in 1..3 {
        let (_, change) = event(&mut lines).await;
        assert_eq!((&change["collection"], &change["after"]["n"]), (&json!("a"), &json!(n)));
    }
}

async fn a_revoked_key_ends_the_stream(server: TestServer) {
    define(&server, &["notes"]).await;
    let key = json!({"name": "reader", "scopes": ["changes:read"]});
    let made = server.owner().post("/v1/admin/keys").json(&key).expect(201).await;
    let reader = server.visitor().with_token(&made.text_at("/key"));
    let mut lines = open(&reader, "since=now").await;
    create(server.service(), "notes", json!({"id": "n1"})).await;
    assert_eq!(event(&mut lines).await.1["id"], "n1");
    server.owner().delete(&format!("/v1/admin/keys/{}", made.text_at("/id"))).expect(204).await;
    create(server.service(), "notes", json!({"id": "n2"})).await;
    assert_eq!(event(&mut lines).await.1["code"], "invalid_token");
    assert_eq!(lines.event().await, Ok(None));
}

async fn a_stopping_server_ends_it_with_a_hint(server: TestServer) {
    let mut lines = open(server.service(), "since=now").await;
    assert_eq!(lines.next().await.as_deref(), Some("retry: 2000"));
    let stopped = tokio::spawn(server.stop());
    let mut said = Vec::new();
    while let Some(line) = lines.next().await {
        said.push(line);
    }
    assert!(said.contains(&"retry: 1000".to_owned()), "{said:?}");
    stopped.await.unwrap();
}

async fn who_is_no_service_gets_no_stream(server: TestServer) {
    let open = |client: &basalt_testing::Client| client.get(CHANGES).header("accept", "text/event-stream");
    open(&server.visitor()).problem(401, "unauthenticated").await;
    open(&*server.user("ann").await).problem(403, "forbidden").await;
    open(&server.key(&["documents:read"]).await).problem(403, "scope_missing").await;
}
