//! Rights are the caller's at each moment, on open connections too.

use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, define_notes, define_open, document};

on_both_engines!(
    a_visitor_becomes_a_user_by_a_frame,
    a_bad_token_changes_nothing,
    a_token_that_expires_makes_a_visitor,
    a_session_that_ends_is_heard_no_more,
    a_disabled_user_is_heard_no_more,
    roles_that_are_given_and_taken_count_at_once,
    rules_that_change_count_at_once,
    a_collection_without_a_rule_is_nobodys,
    a_deleted_key_opens_nothing_any_more,
    service_keys_are_not_for_browsers,
    pages_of_other_origins_stay_outside,
    a_bad_token_at_the_door_is_refused,
);

const LIST: &str = r#"{"id":"s","collection":"notes"}"#;

fn all_notes() -> Value {
    serde_json::from_str(LIST).unwrap()
}

async fn a_visitor_becomes_a_user_by_a_frame(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "notes", json!({"id": "n", "owner": ann.id})).await;
    let mut socket = server.visitor().socket().await;
    let mut list = socket.subscribe(all_notes()).await;
    assert_eq!(list.docs, Vec::<Value>::new());
    socket.send(&json!({"type": "auth", "id": "a", "token": ann.access_token})).await;
    assert_eq!(socket.next().await, json!({"type": "ok", "id": "a"}));
    // What he watches is his now.
    list.apply(&socket.next().await);
    assert_eq!(list.ids(), ["n"]);
    // Renewed: nothing changes.
    socket.send(&json!({"type": "auth", "token": ann.access_token})).await;
    assert_eq!(socket.next().await, json!({"type": "ok"}));
    socket.expect_silence().await;
}

async fn a_bad_token_changes_nothing(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    let mut socket = ann.socket().await;
    let mut list = socket.subscribe(all_notes()).await;
    for bad in ["x", "bst_sk_nothing", "a.b.c"] {
        socket.send(&json!({"type": "auth", "id": "a", "token": bad})).await;
        let frame = socket.next().await;
        assert_eq!((&frame["type"], &frame["code"]), (&json!("error"), &json!("invalid_token")), "{frame}");
    }
    let note = create(&ann, "notes", json!({"owner": ann.id})).await;
    socket.until(&mut list, &[note]).await;
}

async fn a_token_that_expires_makes_a_visitor(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "notes", json!({"id": "n", "owner": ann.id})).await;
    let mut socket = ann.socket().await;
    let mut list = socket.subscribe(all_notes()).await;
    assert_eq!(list.ids(), ["n"]);
    server.clock().advance(Duration::from_mins(16));
    assert_eq!(socket.next().await, json!({"type": "auth_expired"}));
    list.apply(&socket.next().await);
    assert_eq!(list.docs, Vec::<Value>::new(), "as a visitor");
    // And back again, on the same connection.
    let body = json!({"refreshToken": ann.refresh_token});
    let token = server.visitor().post("/v1/auth/refresh").json(&body).expect(200).await.text_at("/session/accessToken");
    socket.send(&json!({"type": "auth", "id": "a", "token": token})).await;
    assert_eq!(socket.next().await["type"], "ok");
    list.apply(&socket.next().await);
    assert_eq!(list.ids(), ["n"]);
}

async fn a_session_that_ends_is_heard_no_more(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    let mut socket = ann.socket().await;
    let list = socket.subscribe(all_notes()).await;
    ann.post("/v1/auth/logout").json(&json!({"scope": "all"})).expect(204).await;
    assert_eq!(socket.next().await, json!({"type": "auth_expired"}));
    let note = json!({"owner": ann.id});
    create(server.service(), "notes", note).await;
    assert_eq!(list.docs, Vec::<Value>::new());
    socket.expect_silence().await;
}

async fn a_disabled_user_is_heard_no_more(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "notes", json!({"id": "n", "owner": ann.id})).await;
    let mut socket = ann.socket().await;
    let mut list = socket.subscribe(all_notes()).await;
    let path = format!("/v1/admin/users/{}", ann.id);
    server.owner().patch(&path).json(&json!({"disabled": true})).expect(200).await;
    assert_eq!(socket.next().await, json!({"type": "auth_expired"}));
    list.apply(&socket.next().await);
    assert_eq!(list.docs, Vec::<Value>::new());
}

async fn roles_that_are_given_and_taken_count_at_once(server: TestServer) {
    server.define("plans", &json!({"rules": {"read": "'editor' in auth.roles"}})).await;
    let plan = create(server.service(), "plans", json!({"id": "p"})).await;
    let ann = server.user("ann").await;
    let mut socket = ann.socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "plans"})).await;
    let path = format!("/v1/admin/users/{}", ann.id);
    let role = async |name: &str, body: Value| {
        let answer = server.owner().put(&format!("/v1/admin/roles/{name}")).json(&body).send().await;
        assert!([200, 201].contains(&answer.status), "{answer}");
    };
    role("editor", json!({})).await;
    role("chief", json!({})).await;
    for _ in 0..2 {
        server.owner().patch(&path).json(&json!({"roles": ["editor"]})).expect(200).await;
        socket.until(&mut list, std::slice::from_ref(&plan)).await;
        server.owner().patch(&path).json(&json!({"roles": []})).expect(200).await;
        socket.until(&mut list, &[]).await;
    }
    // So do roles that others inherit from.
    server.owner().patch(&path).json(&json!({"roles": ["chief"]})).expect(200).await;
    role("chief", json!({"inherits": ["editor"]})).await;
    socket.until(&mut list, std::slice::from_ref(&plan)).await;
    role("chief", json!({"inherits": []})).await;
    socket.until(&mut list, &[]).await;
}

async fn rules_that_change_count_at_once(server: TestServer) {
    server.define("plans", &json!({"rules": {"read": "true"}})).await;
    let plan = create(server.service(), "plans", json!({"id": "p", "open": false})).await;
    let mut socket = server.visitor().socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "plans"})).await;
    assert_eq!(list.docs, std::slice::from_ref(&plan));
    server.define("plans", &json!({"rules": {"read": "doc.open"}})).await;
    socket.until(&mut list, &[]).await;
    server.define("plans", &json!({"rules": {"read": "true"}})).await;
    socket.until(&mut list, std::slice::from_ref(&plan)).await;
    // What changes nothing for him isn't told.
    server.define("plans", &json!({"rules": {"read": "true", "create": "auth != null"}})).await;
    server.define("plans", &json!({"rules": {}})).await;
    let frame = socket.next().await;
    assert_eq!((&frame["type"], &frame["code"]), (&json!("error"), &json!("rule_missing")), "{frame}");
}

async fn a_collection_without_a_rule_is_nobodys(server: TestServer) {
    server.define("plans", &json!({})).await;
    let mut socket = server.user("ann").await.socket().await;
    for (collection, code) in
        [("plans", "rule_missing"), ("nothing", "collection_not_found"), ("_sessions", "collection_not_found")]
    {
        socket.send(&json!({"type": "subscribe", "id": "s", "collection": collection})).await;
        let frame = socket.next().await;
        assert_eq!((&frame["id"], &frame["code"]), (&json!("s"), &json!(code)), "{frame}");
    }
    let key = server.key(&["documents:read:other"]).await;
    let mut socket = key.socket().await;
    socket.send(&json!({"type": "subscribe", "id": "s", "collection": "plans"})).await;
    assert_eq!(socket.next().await["code"], "scope_missing");
}

async fn a_deleted_key_opens_nothing_any_more(server: TestServer) {
    server.define("plans", &json!({})).await;
    let body = json!({"name": "short-lived", "scopes": ["documents:read:plans"]});
    let answer = server.owner().post("/v1/admin/keys").json(&body).expect(201).await;
    let key = server.visitor().with_token(&answer.text_at("/key"));
    let mut socket = key.socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "plans"})).await;
    let plan = create(server.service(), "plans", json!({"id": "p"})).await;
    socket.until(&mut list, &[plan]).await;
    server.owner().delete(&format!("/v1/admin/keys/{}", answer.text_at("/id"))).expect(204).await;
    assert_eq!(socket.next().await, json!({"type": "auth_expired"}));
    let frame = socket.next().await;
    assert_eq!((&frame["id"], &frame["code"]), (&json!("s"), &json!("rule_missing")), "{frame}");
    server.service().patch(&document("plans", "p")).json(&json!({"n": 1})).expect(200).await;
    socket.expect_silence().await;
}

async fn service_keys_are_not_for_browsers(server: TestServer) {
    define_open(&server).await;
    let body = json!({"name": "leaked", "scopes": ["*"]});
    let key = server.owner().post("/v1/admin/keys").json(&body).expect(201).await.text_at("/key");
    let page = server.visitor().with_header("Origin", server.base());
    let mut socket = page.socket().await;
    socket.send(&json!({"type": "auth", "id": "a", "token": key})).await;
    assert_eq!(socket.next().await["code"], "service_key_in_browser");
    assert_eq!(page.with_token(&key).try_socket().await.err(), Some(403));
}

async fn pages_of_other_origins_stay_outside(server: TestServer) {
    let from = |origin: &str| server.visitor().with_header("Origin", origin);
    assert_eq!(from("https://evil.example.org").try_socket().await.err(), Some(403));
    assert_eq!(from("null").try_socket().await.err(), Some(403));
    assert!(from("http://localhost:5173").try_socket().await.is_ok(), "while listening on loopback");
}

async fn a_bad_token_at_the_door_is_refused(server: TestServer) {
    assert_eq!(server.visitor().with_token("x").try_socket().await.err(), Some(401));
    server.visitor().get("/v1/realtime").problem(426, "upgrade_required").await;
}
