//! Buckets as they are declared: by the admin API and by `app.toml`.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{admin, bytes, define_bucket, file, files, open, owned, paths, put, with};
use crate::support::document;

on_both_engines! {
    putting_makes_it_and_changes_it,
    a_plan_changes_nothing,
    what_is_not_empty_is_not_dropped,
    faults_name_their_place,
    public_writes_have_to_be_acknowledged,
    who_is_no_operator_is_refused,
    each_operators_role_does_what_it_may,
    an_app_declares_buckets,
    what_an_app_says_no_more_is_kept,
    a_rule_that_changes_counts_at_once,
    the_collection_of_files_keeps_what_the_server_owns,
}

async fn putting_makes_it_and_changes_it(server: TestServer) {
    let owner = server.owner();
    owner.get(&admin("docs")).problem(404, "bucket_not_found").await;
    let first = with(owned(), &json!({"maxSize": "10MB", "allowedTypes": ["text/*"], "retention": "30d"}));
    let made = owner.put(&admin("docs")).json(&first).send().await;
    assert!([200, 201].contains(&made.status), "{made}");
    let ann = server.user("ann").await;
    ann.put(&file("docs", "a")).body("text/plain", *b"x").expect(201).await;
    let shown = owner.get(&admin("docs")).expect(200).await;
    assert!(shown.text().contains("auth.id == doc.owner") && shown.text().contains("text/*"), "{shown}");
    // Again the same, and then something else; another bucket beside it.
    owner.put(&admin("docs")).json(&first).expect(200).await;
    define_bucket(&server, "other", &open()).await;
    owner.put(&admin("docs")).json(&with(owned(), &json!({"maxSize": "1B"}))).expect(200).await;
    ann.put(&file("docs", "b")).body("text/plain", *b"xx").problem(413, "too_large").await;
    assert_eq!(bytes(&ann, "docs", "a").await, b"x");
    let listed = owner.get("/v1/admin/buckets").expect(200).await;
    assert_eq!(listed.column("name"), [json!("docs"), json!("other")]);
}

async fn a_plan_changes_nothing(server: TestServer) {
    let answer = server.owner().put(&admin("docs")).query(&[("plan", "true")]).json(&owned()).expect(200).await;
    assert!(answer.body().is_object(), "{answer}");
    server.owner().get(&admin("docs")).problem(404, "bucket_not_found").await;
    define_bucket(&server, "docs", &owned()).await;
    let before = server.owner().get(&admin("docs")).expect(200).await.body();
    server.owner().put(&admin("docs")).query(&[("plan", "true")]).json(&open()).expect(200).await;
    assert_eq!(server.owner().get(&admin("docs")).expect(200).await.body(), before);
}

async fn what_is_not_empty_is_not_dropped(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let (owner, client) = (server.owner(), server.visitor());
    put(&client, "docs", "a", b"x").await;
    owner.delete(&admin("docs")).problem(409, "bucket_not_empty").await;
    assert_eq!(bytes(&client, "docs", "a").await, b"x");
    client.delete(&file("docs", "a")).expect(204).await;
    let gone = owner.delete(&admin("docs")).send().await;
    assert!([200, 204].contains(&gone.status), "{gone}");
    owner.get(&admin("docs")).problem(404, "bucket_not_found").await;
    client.get(&files("docs")).problem(404, "bucket_not_found").await;
    owner.delete(&admin("docs")).problem(404, "bucket_not_found").await;
    // A new one of the name begins anew.
    define_bucket(&server, "docs", &open()).await;
    assert!(paths(&client, "docs", &[]).await.is_empty());
}

async fn faults_name_their_place(server: TestServer) {
    for (definition, path) in [
        (json!({"maxSize": "large"}), "/maxSize"),
        (json!({"maxSize": "0B"}), "/maxSize"),
        (json!({"quota": 7}), "/quota"),
        (json!({"allowedTypes": ["image"]}), "/allowedTypes/0"),
        (json!({"inline": 7}), "/inline"),
        (json!({"retention": "1s"}), "/retention"),
        (json!({"public": "yes"}), "/public"),
        (json!({"scan": 1}), "/scan"),
        (json!({"presets": {"p": {}}}), "/presets/p"),
        (json!({"presets": {"p": {"width": 100_000}}}), "/presets/p/width"),
        (json!({"presets": {"p": {"width": 10, "fit": "stretch"}}}), "/presets/p/fit"),
        (json!({"rules": {"read": "auth.id = doc.owner"}}), "/rules/read"),
        (json!({"rules": {"fields": {"size": {"read": "true"}}}}), "/rules/fields"),
        (json!({"public": true, "rules": {"get": "true"}}), "/rules/get"),
        (json!({"color": "red"}), "/color"),
    ] {
        let answer = server.owner().put(&admin("docs")).json(&definition).send().await;
        assert_eq!(answer.status, 422, "{definition}: {answer}");
        let paths = answer.at("/errors").as_array().cloned().unwrap_or_default();
        let named = paths.iter().any(|fault| fault["path"].as_str().is_some_and(|at| at.ends_with(path)));
        assert!(named, "{path}: {answer}");
    }
    for bad in ["1st", "a.b", "_docs", &"x".repeat(64)] {
        let answer = server.owner().put(&admin(bad)).json(&json!({})).send().await;
        assert!([400, 422].contains(&answer.status), "{bad}: {answer}");
    }
    assert!(server.owner().get("/v1/admin/buckets").expect(200).await.items().is_empty());
}

async fn public_writes_have_to_be_acknowledged(server: TestServer) {
    let open = json!({"rules": {"read": "true", "create": "true"}});
    server.owner().put(&admin("docs")).json(&open).problem(409, "plan_refused").await;
    let acknowledged = with(open, &json!({"acknowledge": ["create"]}));
    define_bucket(&server, "docs", &acknowledged).await;
    put(&server.visitor(), "docs", "a", b"x").await;
}

async fn who_is_no_operator_is_refused(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let ann = server.user("ann").await;
    let key = server.key(&["files:read", "files:write"]).await;
    for (client, status) in [(server.visitor(), 401), ((*ann).clone(), 403), (key, 403)] {
        client.get("/v1/admin/buckets").expect(status).await;
        client.get(&admin("docs")).expect(status).await;
        client.put(&admin("docs")).json(&open()).expect(status).await;
        client.delete(&admin("docs")).expect(status).await;
    }
    let answer = server.owner().get(&admin("docs")).expect(200).await;
    assert!(answer.text().contains("auth.id == doc.owner"), "{answer}");
}

async fn each_operators_role_does_what_it_may(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let (viewer, editor) = (server.operator("viewer").await, server.operator("editor").await);
    for operator in [&viewer, &editor, server.owner()] {
        operator.get("/v1/admin/buckets").expect(200).await;
        operator.get(&admin("docs")).expect(200).await;
    }
    viewer.put(&admin("docs")).json(&open()).problem(403, "operator_role_missing").await;
    viewer.delete(&admin("docs")).problem(403, "operator_role_missing").await;
    server.owner().put(&admin("docs")).json(&with(owned(), &json!({"quota": "1GB"}))).expect(200).await;
}

const APP: &str = r#"
[buckets.avatars]
maxSize = "2MB"
allowedTypes = ["image/*"]
public = true
presets = { thumb = { width = 96, height = 96, fit = "cover", format = "webp" } }
[buckets.avatars.rules]
create = "auth.id == next.owner"

[buckets.inbox]
scan = true
retention = "30d"
[buckets.inbox.rules]
read = "auth.id == doc.owner"
create = "auth.id == next.owner"
"#;

async fn an_app_declares_buckets(server: TestServer) {
    let server = server.with_app(APP).await;
    let ann = server.user("ann").await;
    ann.put(&file("avatars", "a.png")).body("image/png", super::support::PNG).expect(201).await;
    ann.put(&file("avatars", "a.txt")).body("text/plain", *b"x").problem(415, "file_type_refused").await;
    server.visitor().get(&file("avatars", "a.png")).expect(200).await;
    assert_eq!(put(&ann, "inbox", "a", b"x").await.at("/status"), "pending");
    let listed = server.owner().get("/v1/admin/buckets").expect(200).await;
    assert_eq!(listed.column("name"), [json!("avatars"), json!("inbox")]);
    // Again the same: nothing changes.
    let before = server.owner().get(&admin("avatars")).expect(200).await.body();
    let server = server.with_app(APP).await;
    assert_eq!(server.owner().get(&admin("avatars")).expect(200).await.body(), before);
}

async fn what_an_app_says_no_more_is_kept(server: TestServer) {
    let server = server.with_app(APP).await;
    let ann = server.user("ann").await;
    let made = ann.put(&file("avatars", "a.png")).body("image/png", super::support::PNG).expect(201).await.body();
    let server = server.with_app("[buckets.other.rules]\nread = \"auth != null\"\n").await;
    let names: Vec<Value> = server.owner().get("/v1/admin/buckets").expect(200).await.column("name");
    assert_eq!(names, [json!("avatars"), json!("inbox"), json!("other")]);
    let id = made["id"].as_str().unwrap();
    assert_eq!(server.service().get(&document("files", id)).expect(200).await.body(), made);
    // What was deployed by the admin API stays where the manifest says nothing new.
    let server = server.with_app("[collections.notes]\n").await;
    assert_eq!(server.owner().get("/v1/admin/buckets").expect(200).await.items().len(), 3);
}

async fn a_rule_that_changes_counts_at_once(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    put(&ann, "docs", "a", b"x").await;
    bob.get(&file("docs", "a")).problem(404, "file_not_found").await;
    define_bucket(&server, "docs", &json!({"rules": {"read": "auth != null"}})).await;
    assert_eq!(bytes(&bob, "docs", "a").await, b"x");
    server.visitor().get(&file("docs", "a")).problem(404, "file_not_found").await;
    define_bucket(&server, "docs", &with(json!({"rules": {"list": "true"}}), &json!({"public": true}))).await;
    assert_eq!(bytes(&server.visitor(), "docs", "a").await, b"x");
    define_bucket(&server, "docs", &owned()).await;
    server.visitor().get(&file("docs", "a")).problem(404, "file_not_found").await;
    bob.get(&file("docs", "a")).problem(404, "file_not_found").await;
}

async fn the_collection_of_files_keeps_what_the_server_owns(server: TestServer) {
    let path = "/v1/admin/collections/files";
    define_bucket(&server, "docs", &owned()).await;
    for bad in [json!({"rules": {"read": "true"}}), json!({"ttl": "createdAt"})] {
        let answer = server.owner().put(path).json(&bad).send().await;
        assert!([409, 422].contains(&answer.status), "{bad}: {answer}");
    }
    let dropped = server.owner().delete(path).query(&[("confirm", "files")]).send().await;
    assert!((400..500).contains(&dropped.status), "{dropped}");
    server.owner().get(&admin("docs")).expect(200).await;
}
