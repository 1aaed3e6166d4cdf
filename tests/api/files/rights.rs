//! Who may do what, at each door of a bucket.

use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::json;

use super::support::{bytes, call, define_bucket, file, files, metadata, owned, paths, put, with};

on_both_engines! {
    without_a_rule_it_is_nobodys,
    a_visitor_is_asked_to_sign_in,
    roles_count,
    scopes_say_what_a_key_opens,
    operators_may_by_their_role,
    rules_see_what_is_there_and_what_comes,
    the_owner_is_who_uploaded,
    a_key_in_a_browser_is_refused,
}

async fn without_a_rule_it_is_nobodys(server: TestServer) {
    define_bucket(&server, "docs", &json!({})).await;
    let ann = server.user("ann").await;
    put(server.service(), "docs", "a", b"x").await;
    for client in [&*ann, &server.visitor()] {
        let read = client.get(&file("docs", "a")).send().await;
        assert!([403, 404].contains(&read.status), "{read}");
        let listed = client.get(&files("docs")).send().await;
        assert_eq!((listed.status, listed.code().as_deref()), (403, Some("rule_missing")), "{listed}");
        let written = client.put(&file("docs", "b")).body("text/plain", *b"x").send().await;
        assert!([401, 403].contains(&written.status), "{written}");
        let deleted = client.delete(&file("docs", "a")).send().await;
        assert!([401, 403, 404].contains(&deleted.status), "{deleted}");
    }
    assert_eq!(paths(server.service(), "docs", &[]).await, ["a"]);
}

async fn a_visitor_is_asked_to_sign_in(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let visitor = server.visitor();
    visitor.put(&file("docs", "a")).body("text/plain", *b"x").problem(401, "unauthenticated").await;
    let parts = [basalt_testing::Part::file("a", "text/plain", b"x")];
    visitor.post(&files("docs")).form(&parts).problem(401, "unauthenticated").await;
    let ann = server.user("ann").await;
    put(&ann, "docs", "a", b"x").await;
    // What he can't see isn't there.
    visitor.get(&file("docs", "a")).problem(404, "file_not_found").await;
    visitor.get(&metadata("docs", "a")).problem(404, "file_not_found").await;
    visitor.delete(&file("docs", "a")).problem(404, "file_not_found").await;
}

async fn roles_count(server: TestServer) {
    let rules = json!({"rules": {
        "read": "auth != null", "create": "'editor' in auth.roles", "update": "'editor' in auth.roles",
        "delete": "'editor' in auth.roles && auth.id == doc.owner",
    }});
    define_bucket(&server, "docs", &rules).await;
    server.declare(&["editor"]).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    ann.put(&file("docs", "a")).body("text/plain", *b"x").problem(403, "rule_denied").await;
    for user in [&ann, &bob] {
        let path = format!("/v1/admin/users/{}", user.id);
        server.owner().patch(&path).json(&json!({"roles": ["editor"]})).expect(200).await;
    }
    put(&ann, "docs", "a", b"x").await;
    bob.put(&file("docs", "a")).body("text/plain", *b"y").expect(200).await;
    bob.delete(&file("docs", "a")).problem(403, "rule_denied").await;
    let taken = format!("/v1/admin/users/{}", ann.id);
    server.owner().patch(&taken).json(&json!({"roles": []})).expect(200).await;
    ann.delete(&file("docs", "a")).problem(403, "rule_denied").await;
    assert_eq!(bytes(&ann, "docs", "a").await, b"y");
}

async fn scopes_say_what_a_key_opens(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    define_bucket(&server, "other", &owned()).await;
    for bucket in ["docs", "other"] {
        put(server.service(), bucket, "a", b"x").await;
    }
    let reader = server.key(&["files:read:docs"]).await;
    assert_eq!(bytes(&reader, "docs", "a").await, b"x");
    assert_eq!(paths(&reader, "docs", &[]).await, ["a"]);
    reader.get(&metadata("docs", "a")).expect(200).await;
    changes_nothing(&reader, "docs").await;
    sees_nothing(&reader, "other").await;
    changes_nothing(&reader, "other").await;
    let writer = server.key(&["files:write:docs"]).await;
    writer.put(&file("docs", "b")).body("text/plain", *b"y").expect(201).await;
    sees_nothing(&writer, "docs").await;
    changes_nothing(&writer, "other").await;
    let all = server.key(&["files:read", "files:write"]).await;
    all.put(&file("other", "b")).body("text/plain", *b"y").expect(201).await;
    assert_eq!(paths(&all, "other", &[]).await, ["a", "b"]);
    let documents = server.key(&["documents:read", "documents:write"]).await;
    sees_nothing(&documents, "docs").await;
    changes_nothing(&documents, "docs").await;
}

async fn sees_nothing(client: &Client, bucket: &str) {
    for path in [file(bucket, "a"), metadata(bucket, "a"), files(bucket)] {
        client.get(&path).problem(403, "scope_missing").await;
    }
    let sign = json!({"files": [{"path": "a", "method": "GET", "expiresIn": "1h"}]});
    client.post(&call(bucket, "sign")).json(&sign).problem(403, "scope_missing").await;
    let copy = json!({"from": "a", "to": "z"});
    client.post(&call(bucket, "copy")).json(&copy).problem(403, "scope_missing").await;
}

async fn changes_nothing(client: &Client, bucket: &str) {
    client.put(&file(bucket, "z")).body("text/plain", *b"x").problem(403, "scope_missing").await;
    client.delete(&file(bucket, "a")).problem(403, "scope_missing").await;
    client.patch(&metadata(bucket, "a")).json(&json!({"data": {}})).problem(403, "scope_missing").await;
    client.post(&call(bucket, "move")).json(&json!({"from": "a", "to": "z"})).problem(403, "scope_missing").await;
    client.post(&call(bucket, "copy")).json(&json!({"from": "a", "to": "z"})).problem(403, "scope_missing").await;
    let sign = json!({"files": [{"path": "z", "method": "PUT", "expiresIn": "1h"}]});
    client.post(&call(bucket, "sign")).json(&sign).problem(403, "scope_missing").await;
}

/// His session is for the admin API: at the doors of clients he is a visitor, as with documents.
async fn operators_may_by_their_role(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    put(server.service(), "docs", "a", b"x").await;
    for operator in [server.operator("viewer").await, server.operator("editor").await, server.owner().clone()] {
        operator.get(&file("docs", "a")).problem(404, "file_not_found").await;
        operator.put(&file("docs", "b")).body("text/plain", *b"x").problem(401, "unauthenticated").await;
        operator.delete(&file("docs", "a")).problem(404, "file_not_found").await;
    }
    assert_eq!(paths(server.service(), "docs", &[]).await, ["a"]);
}

async fn rules_see_what_is_there_and_what_comes(server: TestServer) {
    let rules = json!({"rules": {
        "read": "doc.path.startsWith(auth.id + '/') || doc.data.shared == true",
        "create": "next.path.startsWith(auth.id + '/') && next.size <= 100 && next.contentType == 'text/plain'",
        "update": "doc.owner == auth.id && next.path.startsWith(auth.id + '/')",
        "delete": "doc.owner == auth.id",
    }});
    define_bucket(&server, "docs", &rules).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let own = |name: &str| format!("{}/{name}", ann.id);
    let send = |path: &str, content: &[u8]| ann.put(&file("docs", path)).body("text/plain", content);
    send(&own("a"), b"words").expect(201).await;
    send("elsewhere", b"words").problem(403, "rule_denied").await;
    send(&format!("{}/a", bob.id), b"words").problem(403, "rule_denied").await;
    send(&own("long"), &[b'x'; 101]).problem(403, "rule_denied").await;
    send(&own("page"), b"<html></html>").problem(403, "rule_denied").await;
    bob.get(&file("docs", &own("a"))).problem(404, "file_not_found").await;
    // It can't be moved out of reach.
    let moved = json!({"from": own("a"), "to": format!("{}/a", bob.id)});
    ann.post(&call("docs", "move")).json(&moved).problem(403, "rule_denied").await;
    let shared = json!({"data": {"shared": true}});
    ann.patch(&metadata("docs", &own("a"))).json(&shared).expect(200).await;
    assert_eq!(bytes(&bob, "docs", &own("a")).await, b"words");
    // Who may not create may not copy.
    bob.post(&call("docs", "copy")).json(&json!({"from": own("a"), "to": "b"})).problem(403, "rule_denied").await;
    let own_copy = json!({"from": own("a"), "to": format!("{}/a", bob.id)});
    let copied = bob.post(&call("docs", "copy")).json(&own_copy).send().await;
    assert!([200, 201].contains(&copied.status), "{copied}");
    assert_eq!(copied.at("/owner"), json!(bob.id));
}

async fn the_owner_is_who_uploaded(server: TestServer) {
    let shared = with(owned(), &json!({"rules": {"read": "true", "create": "auth != null", "update": "auth != null"}}));
    define_bucket(&server, "docs", &shared).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    assert_eq!(put(&ann, "docs", "a", b"x").await.at("/owner"), json!(ann.id));
    // Who writes over it doesn't take it.
    let replaced = bob.put(&file("docs", "a")).body("text/plain", *b"y").expect(200).await;
    assert_eq!(replaced.at("/owner"), json!(ann.id));
    assert!(put(server.service(), "docs", "b", b"x").await.at("/owner").is_null());
}

async fn a_key_in_a_browser_is_refused(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    put(server.service(), "docs", "a", b"x").await;
    let browser = server.service().with_header("Origin", "http://localhost:3000").with_header("Sec-Fetch-Mode", "cors");
    browser.get(&file("docs", "a")).problem(403, "service_key_in_browser").await;
    browser.put(&file("docs", "b")).body("text/plain", *b"x").problem(403, "service_key_in_browser").await;
}
