//! `POST /v1/buckets/{b}/copy` and `move`, `DELETE /v1/buckets/{b}/files/{path}`

use basalt_testing::{Client, TestServer, on_both_stores};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::{bytes, call, define_bucket, file, metadata, noise, open, owned, paths, put, with};

on_both_stores! {
    a_copy_is_a_file_of_its_own,
    a_moved_file_keeps_its_id,
    they_go_to_other_buckets,
    nothing_is_overwritten_unasked,
    what_is_deleted_is_gone_for_good,
    the_same_bytes_serve_several_files,
    what_only_reads_moves_nothing,
    the_bucket_they_go_to_decides,
    bad_bodies_are_refused,
    of_many_moves_one_wins,
}

fn copy(client: &Client, body: &Value) -> basalt_testing::Call {
    client.post(&call("docs", "copy")).json(body)
}

fn shift(client: &Client, body: &Value) -> basalt_testing::Call {
    client.post(&call("docs", "move")).json(body)
}

async fn a_copy_is_a_file_of_its_own(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let content = noise(1, 70_000);
    let made = put(&client, "docs", "a", &content).await.body();
    client.patch(&metadata("docs", "a")).json(&json!({"data": {"n": 1}})).expect(200).await;
    let copied = copy(&client, &json!({"from": "a", "to": "b/c"})).send().await;
    assert!([200, 201].contains(&copied.status), "{copied}");
    assert!(copied.header("basalt-seq").is_some(), "{copied}");
    assert_ne!(copied.at("/id"), made["id"]);
    assert_eq!((copied.at("/path"), copied.at("/sha256")), (json!("b/c"), made["sha256"].clone()));
    assert_eq!((copied.at("/data"), copied.at("/size")), (json!({"n": 1}), json!(70_000)));
    // Each goes its own way.
    client.put(&file("docs", "a")).body("text/plain", *b"other").expect(200).await;
    assert!(bytes(&client, "docs", "b/c").await == content, "the copy changed");
    client.delete(&file("docs", "a")).expect(204).await;
    assert!(bytes(&client, "docs", "b/c").await == content, "the copy is gone");
}

async fn a_moved_file_keeps_its_id(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let made = put(&client, "docs", "a", b"content").await.body();
    let moved = shift(&client, &json!({"from": "a", "to": "b"})).expect(200).await.body();
    assert_eq!((&moved["id"], &moved["path"], &moved["createdAt"]), (&made["id"], &json!("b"), &made["createdAt"]));
    client.get(&file("docs", "a")).problem(404, "file_not_found").await;
    assert_eq!(bytes(&client, "docs", "b").await, b"content");
    assert_eq!(paths(&client, "docs", &[]).await, ["b"]);
    // The old place is free.
    put(&client, "docs", "a", b"new").await;
}

async fn they_go_to_other_buckets(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    define_bucket(&server, "other", &open()).await;
    let client = server.visitor();
    let made = put(&client, "docs", "a", b"content").await.body();
    let copied = copy(&client, &json!({"from": "a", "to": "a", "toBucket": "other"})).send().await;
    assert!([200, 201].contains(&copied.status), "{copied}");
    assert_eq!(copied.at("/bucket"), "other");
    assert_eq!(bytes(&client, "other", "a").await, b"content");
    let moved = shift(&client, &json!({"from": "a", "to": "b", "toBucket": "other"})).expect(200).await;
    assert_eq!((moved.at("/id"), moved.at("/bucket")), (made["id"].clone(), json!("other")));
    assert_eq!(bytes(&client, "other", "b").await, b"content");
    assert!(paths(&client, "docs", &[]).await.is_empty());
    put(&client, "docs", "a", b"x").await;
    copy(&client, &json!({"from": "a", "to": "a", "toBucket": "nowhere"})).problem(404, "bucket_not_found").await;
}

async fn nothing_is_overwritten_unasked(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", b"one").await;
    let taken = put(&client, "docs", "b", b"two").await.body();
    copy(&client, &json!({"from": "a", "to": "b"})).problem(409, "file_exists").await;
    shift(&client, &json!({"from": "a", "to": "b"})).problem(409, "file_exists").await;
    assert_eq!(bytes(&client, "docs", "b").await, b"two");
    let copied = copy(&client, &json!({"from": "a", "to": "b", "overwrite": true})).expect(200).await;
    assert_eq!(copied.at("/id"), taken["id"], "what is replaced keeps its id");
    assert_eq!(bytes(&client, "docs", "b").await, b"one");
    let moved = shift(&client, &json!({"from": "a", "to": "b", "overwrite": true})).expect(200).await;
    assert_ne!(moved.at("/id"), taken["id"]);
    assert_eq!(paths(&client, "docs", &[]).await, ["b"]);
    // Onto itself nothing happens to it.
    let same = shift(&client, &json!({"from": "b", "to": "b", "overwrite": true})).send().await;
    assert!([200, 400, 409].contains(&same.status), "{same}");
    assert_eq!(bytes(&client, "docs", "b").await, b"one");
}

async fn what_is_deleted_is_gone_for_good(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let made = put(&client, "docs", "a", b"content").await.body();
    let gone = client.delete(&file("docs", "a")).expect(204).await;
    assert!(gone.header("basalt-seq").is_some(), "{gone}");
    client.delete(&file("docs", "a")).problem(404, "file_not_found").await;
    client.get(&file("docs", "a")).problem(404, "file_not_found").await;
    client.get(&metadata("docs", "a")).problem(404, "file_not_found").await;
    assert!(paths(&client, "docs", &[]).await.is_empty());
    // What comes there later is another file.
    assert_ne!(put(&client, "docs", "a", b"content").await.at("/id"), made["id"]);
    assert_eq!(bytes(&client, "docs", "a").await, b"content");
}

async fn the_same_bytes_serve_several_files(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    define_bucket(&server, "other", &open()).await;
    let (client, content) = (server.visitor(), noise(1, 90_000));
    for path in ["a", "b", "c"] {
        put(&client, "docs", path, &content).await;
    }
    put(&client, "other", "a", &content).await;
    client.delete(&file("docs", "a")).expect(204).await;
    client.put(&file("docs", "b")).body("text/plain", *b"another").expect(200).await;
    server.clock().advance(std::time::Duration::from_hours(3));
    assert!(bytes(&client, "docs", "c").await == content, "others are gone, and took the bytes along");
    client.delete(&file("docs", "c")).expect(204).await;
    server.clock().advance(std::time::Duration::from_hours(3));
    assert!(bytes(&client, "other", "a").await == content, "another bucket's bytes are its own");
    put(&client, "docs", "d", &content).await;
    assert!(bytes(&client, "docs", "d").await == content, "what came back isn't there");
}

async fn what_only_reads_moves_nothing(server: TestServer) {
    let rules = json!({"rules": {"read": "true", "create": "auth.id == next.owner", "update": "auth.id == doc.owner",
                                 "delete": "auth.id == doc.owner"}});
    define_bucket(&server, "docs", &rules).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    put(&ann, "docs", "a", b"ann's").await;
    bob.delete(&file("docs", "a")).problem(403, "rule_denied").await;
    server.visitor().delete(&file("docs", "a")).problem(401, "unauthenticated").await;
    shift(&bob, &json!({"from": "a", "to": "b"})).problem(403, "rule_denied").await;
    server
        .visitor()
        .post(&call("docs", "move"))
        .json(&json!({"from": "a", "to": "b"}))
        .problem(401, "unauthenticated")
        .await;
    // Who may read may copy, and the copy is his own.
    let copied = copy(&bob, &json!({"from": "a", "to": "b"})).send().await;
    assert_eq!(copied.at("/owner"), json!(bob.id), "{copied}");
    copy(&server.visitor(), &json!({"from": "a", "to": "c"})).problem(401, "unauthenticated").await;
    copy(&bob, &json!({"from": "b", "to": "a", "overwrite": true})).problem(403, "rule_denied").await;
    assert_eq!(paths(&ann, "docs", &[]).await, ["a", "b"]);
    // What is hidden isn't there.
    define_bucket(&server, "docs", &owned()).await;
    for (from, to) in [("a", "x"), ("nothing", "x")] {
        copy(&bob, &json!({"from": from, "to": to})).problem(404, "file_not_found").await;
        shift(&bob, &json!({"from": from, "to": to})).problem(404, "file_not_found").await;
    }
    bob.delete(&file("docs", "a")).problem(404, "file_not_found").await;
    shift(&ann, &json!({"from": "a", "to": "c"})).expect(200).await;
    ann.delete(&file("docs", "c")).expect(204).await;
}

/// What a bucket refuses as an upload doesn't come in by the side door either.
async fn the_bucket_they_go_to_decides(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    define_bucket(&server, "small", &with(open(), &json!({"maxSize": "1KB"}))).await;
    define_bucket(&server, "pictures", &with(open(), &json!({"allowedTypes": ["image/*"]}))).await;
    define_bucket(&server, "full", &with(open(), &json!({"quota": "1KB"}))).await;
    define_bucket(&server, "closed", &json!({"rules": {"read": "true"}})).await;
    let client = server.user("ann").await;
    put(&client, "docs", "a", &noise(1, 5_000)).await;
    for (bucket, status, code) in [
        ("small", 413, "too_large"),
        ("pictures", 415, "file_type_refused"),
        ("full", 413, "bucket_full"),
        ("closed", 403, "rule_denied"),
    ] {
        let body = json!({"from": "a", "to": "a", "toBucket": bucket});
        copy(&client, &body).problem(status, code).await;
        shift(&client, &body).problem(status, code).await;
    }
    assert_eq!(paths(&client, "docs", &[]).await, ["a"]);
    // What is scanned there is scanned, wherever it comes from.
    define_bucket(&server, "inbox", &with(open(), &json!({"scan": true}))).await;
    let copied = copy(&client, &json!({"from": "a", "to": "b", "toBucket": "inbox"})).send().await;
    assert_eq!(copied.at("/status"), "pending", "{copied}");
    let moved = shift(&client, &json!({"from": "a", "to": "a", "toBucket": "inbox"})).expect(200).await;
    assert_eq!(moved.at("/status"), "pending", "{moved}");
    client.get(&file("inbox", "a")).problem(404, "file_not_found").await;
}

async fn bad_bodies_are_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", b"x").await;
    for body in [
        json!({}),
        json!({"from": "a"}),
        json!({"from": "a", "to": "../b"}),
        json!({"from": "a", "to": ""}),
        json!({"from": "a", "to": "b", "toBucket": "../x"}),
        json!({"from": "a", "to": "b", "color": "red"}),
        json!({"from": 1, "to": 2}),
    ] {
        for door in ["copy", "move"] {
            let answer = client.post(&call("docs", door)).json(&body).send().await;
            assert!([400, 404].contains(&answer.status), "{door} {body}: {answer}");
            answer.assert_is_problem();
        }
    }
    assert_eq!(paths(&client, "docs", &[]).await, ["a"]);
}

async fn of_many_moves_one_wins(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", b"content").await;
    let moves = (0..20).map(|n| shift(&client, &json!({"from": "a", "to": format!("b{n}")})).send());
    let answers = join_all(moves).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| [200, 404].contains(&answer.status)), "{answers:?}");
    assert_eq!(paths(&client, "docs", &[]).await.len(), 1);
}
