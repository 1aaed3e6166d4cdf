use std::io::Read as _;

use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, define_notes, define_open, documents};

on_both_engines! {
    everything_comes_once_in_the_order_of_ids,
    each_caller_gets_what_he_may_list,
    an_unreadable_field_is_left_out,
    a_filter_holds,
    what_changes_meanwhile_is_in_the_feed_after_its_place,
    it_is_compressed_for_who_asks,
    what_is_refused_is_a_problem,
}

fn export(collection: &str) -> String {
    format!("/v1/collections/{collection}/export")
}

async fn exported(client: &Client, collection: &str) -> Vec<Value> {
    let mut lines = client.get(&export(collection)).open(200).await;
    let mut documents = Vec::new();
    while let Some(document) = lines.json().await {
        documents.push(document);
    }
    documents
}

fn ids(documents: &[Value]) -> Vec<&str> {
    documents.iter().filter_map(|document| document["id"].as_str()).collect()
}

async fn everything_comes_once_in_the_order_of_ids(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    let mut wanted = Vec::new();
    for n in 0..150 {
        let id = format!("d{:03}", (n * 37) % 150);
        let text = "x".repeat((n * 313) % 20_000);
        wanted.push(create(service, "open", json!({"id": id, "n": n, "text": text})).await);
    }
    wanted.sort_by_key(|document| document["id"].as_str().map(str::to_owned));
    let lines = service.get(&export("open")).open(200).await;
    assert_eq!(lines.header("content-type").as_deref(), Some("application/x-ndjson"));
    let all = exported(service, "open").await;
    assert_eq!(all.len(), 150);
    assert_eq!(all, wanted);
    assert!(exported(service, "users").await.iter().all(|user| user["password"].is_null()));
}

async fn it_is_compressed_for_who_asks(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    for n in 0..120 {
        create(service, "open", json!({"id": format!("d{n:03}"), "text": "word ".repeat(n)})).await;
    }
    let plain = service.get(&export("open")).expect(200).await;
    let zipped = service.get(&export("open")).header("accept-encoding", "gzip").expect(200).await;
    assert_eq!((plain.header("content-encoding"), zipped.header("content-encoding").as_deref()), (None, Some("gzip")));
    assert!(zipped.header("vary").is_some_and(|vary| vary.contains("Accept-Encoding")));
    assert!(zipped.bytes.len() * 5 < plain.bytes.len(), "{} of {}", zipped.bytes.len(), plain.bytes.len());
    assert_eq!(unzipped(&zipped.bytes), plain.bytes);
    // And in again, as it came.
    server.define("copy", &json!({})).await;
    let import = service.post("/v1/collections/copy/import").body("application/x-ndjson", zipped.bytes);
    let done = import.header("content-encoding", "gzip").expect(200).await;
    assert_eq!((done.at("/done"), done.at("/created")), (json!(true), json!(120)));
    let none = service.get(&export("open")).query(&[("filter", "false")]).header("accept-encoding", "gzip");
    assert!(unzipped(&none.expect(200).await.bytes).is_empty());
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut whole).expect("a whole gzip");
    whole
}

async fn each_caller_gets_what_he_may_list(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id, "members": [bob.id]})).await;
    create(&ann, "notes", json!({"id": "n2", "owner": ann.id, "members": []})).await;
    assert_eq!(ids(&exported(&ann, "notes").await), ["n1", "n2"]);
    assert_eq!(ids(&exported(&bob, "notes").await), ["n1"]);
    assert!(exported(&server.visitor(), "notes").await.is_empty());
    assert_eq!(ids(&exported(server.service(), "notes").await), ["n1", "n2"]);
}

async fn an_unreadable_field_is_left_out(server: TestServer) {
    let rules = json!({"read": "true", "fields": {"secret": {"read": "'hr' in auth.roles"}}});
    server.define("staff", &json!({"rules": rules})).await;
    create(server.service(), "staff", json!({"id": "s1", "name": "Ann", "secret": 7})).await;
    let ann = server.user("ann").await;
    let seen = exported(&ann, "staff").await;
    assert_eq!((&seen[0]["name"], seen[0].get("secret")), (&json!("Ann"), None));
    let filter = [("filter", "secret == 7")];
    ann.get(&export("staff")).query(&filter).problem(400, "bad_filter").await;
    assert_eq!(exported(server.service(), "staff").await[0]["secret"], 7);
}

async fn a_filter_holds(server: TestServer) {
    define_open(&server).await;
    for n in 0..10 {
        create(server.service(), "open", json!({"id": format!("d{n}"), "n": n})).await;
    }
    let mut lines = server.visitor().get(&export("open")).query(&[("filter", "n >= 8")]).open(200).await;
    assert_eq!(lines.json().await.unwrap()["id"], "d8");
    assert_eq!(lines.json().await.unwrap()["id"], "d9");
    assert!(lines.json().await.is_none());
    server.visitor().get(&export("open")).query(&[("filter", "n >=")]).problem(400, "bad_filter").await;
}

async fn what_changes_meanwhile_is_in_the_feed_after_its_place(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    create(service, "open", json!({"id": "d1"})).await;
    let lines = service.get(&export("open")).open(200).await;
    let place = lines.header("basalt-seq").unwrap();
    create(service, "open", json!({"id": "d0"})).await;
    let after = service.get(&format!("/v1/changes?since={place}&collection=open")).expect(200).await;
    assert_eq!(after.column("id"), ["d0"]);
}

async fn what_is_refused_is_a_problem(server: TestServer) {
    server.define("closed", &json!({})).await;
    server.visitor().get(&export("closed")).problem(403, "rule_missing").await;
    server.user("ann").await.get(&export("closed")).problem(403, "rule_missing").await;
    server.key(&["documents:write"]).await.get(&export("closed")).problem(403, "scope_missing").await;
    server.key(&["documents:read:closed"]).await.get(&export("closed")).expect(200).await;
    server.service().get(&export("nothing")).problem(404, "collection_not_found").await;
    server.service().get(&export("_sessions")).expect(404).await;
    server.service().get(&format!("{}?limit=1", export("closed"))).problem(400, "unknown_parameter").await;
    assert!(server.service().get(&documents("closed")).expect(200).await.items().is_empty());
}
