//! `GET` and `PATCH /v1/buckets/{b}/metadata/{path}`

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use super::support::{bytes, define_bucket, metadata, open, owned, put};
use crate::support::document;

on_both_engines! {
    data_are_merged,
    the_servers_fields_are_the_servers,
    what_is_not_there_is_not_found,
    who_may_not_changes_nothing,
    the_bytes_stay,
}

async fn data_are_merged(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let first = put(&client, "docs", "a", b"x").await.body();
    let patch = |data| client.patch(&metadata("docs", "a")).json(&json!({"data": data}));
    let one = patch(json!({"album": "summer", "place": {"city": "Berlin", "zip": 10115}})).expect(200).await;
    assert_eq!(one.at("/id"), first["id"]);
    assert!(one.header("basalt-seq").is_some(), "{one}");
    assert_ne!(one.at("/rev"), first["rev"]);
    let two = patch(json!({"album": null, "place": {"zip": 10117}})).expect(200).await;
    assert_eq!(two.at("/data"), json!({"place": {"city": "Berlin", "zip": 10117}}));
    assert_eq!(client.get(&metadata("docs", "a")).expect(200).await.body(), two.body());
}

async fn the_servers_fields_are_the_servers(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let before = put(&client, "docs", "a", b"x").await.body();
    for (field, value) in [
        ("size", json!(7)),
        ("sha256", json!("0")),
        ("owner", json!("ann")),
        ("path", json!("b")),
        ("bucket", json!("other")),
        ("contentType", json!("text/html")),
        ("status", json!("pending")),
        ("image", json!({"width": 1})),
        ("color", json!("red")),
    ] {
        let answer = client.patch(&metadata("docs", "a")).json(&json!({"data": {}, field: value})).send().await;
        assert!([400, 403].contains(&answer.status), "{field}: {answer}");
        answer.assert_is_problem();
    }
    for body in [json!([]), json!("x"), json!({"data": 7}), json!({"data": [1]}), json!({})] {
        let answer = client.patch(&metadata("docs", "a")).json(&body).send().await;
        assert!([400, 422].contains(&answer.status), "{body}: {answer}");
    }
    assert_eq!(client.get(&metadata("docs", "a")).expect(200).await.body(), before);
}

async fn what_is_not_there_is_not_found(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    server.visitor().get(&metadata("docs", "a")).problem(404, "file_not_found").await;
    let patch = server.visitor().patch(&metadata("docs", "a")).json(&json!({"data": {}}));
    patch.problem(404, "file_not_found").await;
    server.visitor().get(&metadata("nowhere", "a")).problem(404, "bucket_not_found").await;
}

async fn who_may_not_changes_nothing(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let reading =
        json!({"rules": {"read": "true", "create": "auth.id == next.owner", "update": "auth.id == doc.owner"}});
    define_bucket(&server, "shown", &reading).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    put(&ann, "docs", "a", b"x").await;
    put(&ann, "shown", "a", b"x").await;
    let patch = json!({"data": {"by": "bob"}});
    bob.get(&metadata("docs", "a")).problem(404, "file_not_found").await;
    bob.patch(&metadata("docs", "a")).json(&patch).problem(404, "file_not_found").await;
    bob.get(&metadata("shown", "a")).expect(200).await;
    bob.patch(&metadata("shown", "a")).json(&patch).problem(403, "rule_denied").await;
    server.visitor().patch(&metadata("shown", "a")).json(&patch).problem(401, "unauthenticated").await;
    ann.patch(&metadata("shown", "a")).json(&patch).expect(200).await;
}

async fn the_bytes_stay(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let made = put(&client, "docs", "a", b"as they were").await;
    let patched = client.patch(&metadata("docs", "a")).json(&json!({"data": {"n": 1}})).expect(200).await;
    assert_eq!(patched.at("/sha256"), made.at("/sha256"));
    assert_eq!(bytes(&client, "docs", "a").await, b"as they were");
    // As a document it is the same.
    let id = made.text_at("/id");
    assert_eq!(client.get(&document("files", &id)).expect(200).await.body(), patched.body());
}
