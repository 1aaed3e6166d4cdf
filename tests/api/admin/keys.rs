use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, define_open, document, documents};

on_both_engines! {
    a_key_is_shown_once_and_works_at_once,
    scopes_say_what_it_opens,
    writing_does_not_include_reading,
    a_browser_may_not_use_one,
    bad_scopes_are_named,
    who_is_no_owner_makes_none,
    a_deleted_key_is_not_found_again,
}

const KEYS: &str = "/v1/admin/keys";

async fn a_key_is_shown_once_and_works_at_once(server: TestServer) {
    let body = json!({"name": "import", "scopes": ["documents:write"]});
    let made = server.owner().post(KEYS).json(&body).expect(201).await;
    let key = made.text_at("/key");
    assert!(key.starts_with("bst_sk_") && key.len() > 30, "{made}");
    let listed = server.owner().get(KEYS).expect(200).await;
    assert!(listed.text().contains("import") && !listed.text().contains(&key), "{listed}");
    define_open(&server).await;
    create(&server.visitor().with_token(&key), "open", json!({})).await;
}

async fn scopes_say_what_it_opens(server: TestServer) {
    define_open(&server).await;
    server.define("other", &json!({})).await;
    let key = server.key(&["documents:write:open", "documents:read:open"]).await;
    create(&key, "open", json!({"id": "a"})).await;
    key.get(&documents("open")).expect(200).await;
    key.get(&documents("other")).problem(403, "scope_missing").await;
    key.post(&documents("other")).json(&json!({})).problem(403, "scope_missing").await;
    key.get(&documents("users")).problem(403, "scope_missing").await;
    key.get("/v1/admin/users").problem(403, "scope_missing").await;
    let admin = server.key(&["admin"]).await;
    admin.get("/v1/admin/users").expect(200).await;
    admin.get(&documents("open")).problem(403, "scope_missing").await;
}

async fn writing_does_not_include_reading(server: TestServer) {
    define_open(&server).await;
    let writer = server.key(&["documents:write:open"]).await;
    let made = writer.post(&documents("open")).json(&json!({"id": "a", "secret": 1})).expect(201).await;
    assert!(!made.text().contains("secret"), "{made}");
    writer.get(&document("open", "a")).problem(403, "scope_missing").await;
}

async fn a_browser_may_not_use_one(server: TestServer) {
    define_open(&server).await;
    let browser = server.service().with_header("Origin", "https://app.example");
    browser.get(&documents("open")).problem(403, "service_key_in_browser").await;
}

async fn bad_scopes_are_named(server: TestServer) {
    for scopes in [json!([]), json!(["bogus"]), json!(["documents"]), json!(["documents:all"]), json!("*"), json!(null)]
    {
        let body = json!({"name": "x", "scopes": scopes});
        let answer = server.owner().post(KEYS).json(&body).send().await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
        answer.assert_is_problem();
    }
}

async fn who_is_no_owner_makes_none(server: TestServer) {
    let body = json!({"name": "x", "scopes": ["*"]});
    let ann = server.user("ann").await;
    for (client, status, code) in [
        (&server.visitor(), 401, "unauthenticated"),
        (&*ann, 403, "forbidden"),
        (&server.key(&["documents:write"]).await, 403, "scope_missing"),
        (&server.operator("editor").await, 403, "operator_role_missing"),
    ] {
        client.post(KEYS).json(&body).problem(status, code).await;
        client.delete(&format!("{KEYS}/x")).problem(status, code).await;
    }
    for (client, status) in [(&server.visitor(), 401), (&*ann, 403)] {
        client.get(KEYS).expect(status).await;
    }
    // A key cannot make a mightier one.
    let admin = server.key(&["admin"]).await;
    let answer = admin.post(KEYS).json(&body).send().await;
    assert_eq!(answer.status, 403, "{answer}");
}

async fn a_deleted_key_is_not_found_again(server: TestServer) {
    let body = json!({"name": "x", "scopes": ["documents:read"]});
    let made = server.owner().post(KEYS).json(&body).expect(201).await;
    let path = format!("{KEYS}/{}", made.text_at("/id"));
    server.owner().delete(&path).expect(204).await;
    server.owner().delete(&path).problem(404, "key_not_found").await;
}
