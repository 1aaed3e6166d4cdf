//! Buckets whose files wait for a scanner's word, and files that are kept for a time.

use std::time::Duration;

use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{bytes, call, define_bucket, file, metadata, open, owned, paths, put, with};
use crate::support::{document, documents};

on_both_engines! {
    what_waits_is_seen_by_nobody_but_the_scanner,
    what_is_clean_is_there,
    what_is_infected_is_gone,
    only_a_service_gives_the_verdict,
    a_replaced_file_waits_again,
    what_was_kept_long_enough_goes,
}

async fn define(server: &TestServer) {
    define_bucket(server, "inbox", &with(open(), &json!({"scan": true}))).await;
}

async fn release(client: &Client, body: Value) -> basalt_testing::Answer {
    client.post(&call("inbox", "release")).json(&body).send().await
}

async fn what_waits_is_seen_by_nobody_but_the_scanner(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    let made = put(&ann, "inbox", "a", b"virus?").await;
    assert_eq!(made.at("/status"), "pending");
    let id = made.text_at("/id");
    for reader in [&*ann, &server.visitor(), &*server.user("bob").await] {
        reader.get(&file("inbox", "a")).problem(404, "file_not_found").await;
        reader.get(&metadata("inbox", "a")).problem(404, "file_not_found").await;
        assert!(paths(reader, "inbox", &[]).await.is_empty());
        reader.get(&document("files", &id)).problem(404, "document_not_found").await;
        assert!(reader.get(&documents("files")).expect(200).await.items().is_empty());
        reader.post(&call("inbox", "copy")).json(&json!({"from": "a", "to": "b"})).problem(404, "file_not_found").await;
        reader.patch(&metadata("inbox", "a")).json(&json!({"data": {}})).problem(404, "file_not_found").await;
        let signing = json!({"files": [{"path": "a", "method": "GET", "expiresIn": "1h"}]});
        reader.post(&call("inbox", "sign")).json(&signing).problem(404, "file_not_found").await;
    }
    assert_eq!(bytes(server.service(), "inbox", "a").await, b"virus?");
    assert_eq!(paths(server.service(), "inbox", &[]).await, ["a"]);
}

async fn what_is_clean_is_there(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    let id = put(&ann, "inbox", "a", b"clean").await.text_at("/id");
    put(&ann, "inbox", "b", b"clean, too").await;
    let answer = release(server.service(), json!({"id": id, "verdict": "clean"})).await.expect(200);
    assert_eq!((answer.at("/status"), answer.at("/id")), (json!("ready"), json!(id)));
    assert_eq!(bytes(&ann, "inbox", "a").await, b"clean");
    let _ = release(server.service(), json!({"path": "b", "verdict": "clean"})).await.expect(200);
    assert_eq!(paths(&ann, "inbox", &[]).await, ["a", "b"]);
}

async fn what_is_infected_is_gone(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    put(&ann, "inbox", "a", b"virus").await;
    let answer = release(server.service(), json!({"path": "a", "verdict": "infected"})).await;
    assert!([200, 204].contains(&answer.status), "{answer}");
    server.service().get(&file("inbox", "a")).problem(404, "file_not_found").await;
    let again = release(server.service(), json!({"path": "a", "verdict": "clean"})).await;
    let _ = again.problem(404, "file_not_found");
    put(&ann, "inbox", "a", b"another").await;
}

async fn only_a_service_gives_the_verdict(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    put(&ann, "inbox", "a", b"virus?").await;
    let clean = json!({"path": "a", "verdict": "clean"});
    let reader = server.key(&["files:read:inbox"]).await;
    let elsewhere = server.key(&["files:write:other"]).await;
    for client in [&*ann, &server.visitor(), &reader, &elsewhere] {
        let answer = release(client, clean.clone()).await;
        assert!([401, 403, 404].contains(&answer.status), "{answer}");
        answer.assert_is_problem();
    }
    for bad in [json!({}), json!({"path": "a"}), json!({"path": "a", "verdict": "maybe"}), json!({"verdict": "clean"})]
    {
        let answer = release(server.service(), bad).await;
        assert_eq!(answer.status, 400, "{answer}");
    }
    ann.get(&file("inbox", "a")).problem(404, "file_not_found").await;
    let scanner = server.key(&["files:write:inbox"]).await;
    let _ = release(&scanner, clean).await.expect(200);
    ann.get(&file("inbox", "a")).expect(200).await;
}

async fn a_replaced_file_waits_again(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    put(&ann, "inbox", "a", b"clean").await;
    let _ = release(server.service(), json!({"path": "a", "verdict": "clean"})).await.expect(200);
    let replaced = ann.put(&file("inbox", "a")).body("text/plain", *b"virus").expect(200).await;
    assert_eq!(replaced.at("/status"), "pending");
    ann.get(&file("inbox", "a")).problem(404, "file_not_found").await;
}

async fn what_was_kept_long_enough_goes(server: TestServer) {
    define_bucket(&server, "drafts", &with(owned(), &json!({"retention": "1h"}))).await;
    define_bucket(&server, "docs", &owned()).await;
    for bucket in ["drafts", "docs"] {
        put(server.service(), bucket, "old", b"x").await;
    }
    server.clock().advance(Duration::from_mins(40));
    put(server.service(), "drafts", "young", b"y").await;
    server.rooms().files.sweep().await.unwrap();
    assert_eq!(paths(server.service(), "drafts", &[]).await, ["old", "young"]);
    server.clock().advance(Duration::from_mins(21));
    server.rooms().files.sweep().await.unwrap();
    assert_eq!(paths(server.service(), "drafts", &[]).await, ["young"]);
    assert_eq!(paths(server.service(), "docs", &[]).await, ["old"]);
}
