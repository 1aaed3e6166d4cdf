//! What is taken away is gone with the very next request, whatever the token says.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, document, documents};

on_both_engines! {
    a_role_given_or_taken_counts_at_once,
    claims_count_at_once,
    a_disabled_user_is_out_at_once,
    a_deleted_user_is_out_at_once,
    sessions_ended_by_an_operator_are_out_at_once,
    a_password_set_by_an_operator_ends_sessions,
    a_changed_rule_counts_at_once,
}

async fn admin(server: &TestServer, user: &str, change: serde_json::Value) {
    server.owner().patch(&format!("/v1/admin/users/{user}")).json(&change).expect(200).await;
}

async fn a_role_given_or_taken_counts_at_once(server: TestServer) {
    server
        .define("plans", &json!({"rules": {"read": "'editor' in auth.roles", "create": "'editor' in auth.roles"}}))
        .await;
    server.declare(&["editor"]).await;
    create(server.service(), "plans", json!({"id": "p"})).await;
    let ann = server.user("ann").await;
    ann.get(&document("plans", "p")).problem(404, "document_not_found").await;
    for _ in 0..5 {
        admin(&server, &ann.id, json!({"roles": ["editor"]})).await;
        ann.get(&document("plans", "p")).expect(200).await;
        assert_eq!(ann.get(&documents("plans")).expect(200).await.items().len(), 1);
        admin(&server, &ann.id, json!({"roles": []})).await;
        ann.get(&document("plans", "p")).problem(404, "document_not_found").await;
        assert_eq!(ann.get(&documents("plans")).expect(200).await.items().len(), 0);
        ann.post(&documents("plans")).json(&json!({})).problem(403, "rule_denied").await;
    }
}

async fn claims_count_at_once(server: TestServer) {
    server.define("plans", &json!({"rules": {"read": "auth.claims.team == doc.team"}})).await;
    create(server.service(), "plans", json!({"id": "p", "team": "red"})).await;
    let ann = server.user("ann").await;
    ann.get(&document("plans", "p")).expect(404).await;
    admin(&server, &ann.id, json!({"claims": {"team": "red"}})).await;
    ann.get(&document("plans", "p")).expect(200).await;
    admin(&server, &ann.id, json!({"claims": {"team": "blue"}})).await;
    ann.get(&document("plans", "p")).expect(404).await;
}

async fn a_disabled_user_is_out_at_once(server: TestServer) {
    let ann = server.user("ann").await;
    ann.get("/v1/auth/me").expect(200).await;
    admin(&server, &ann.id, json!({"disabled": true})).await;
    let answer = ann.get("/v1/auth/me").send().await;
    assert!([401, 403].contains(&answer.status), "{answer}");
    admin(&server, &ann.id, json!({"disabled": false})).await;
    ann.get("/v1/auth/me").problem(401, "session_ended").await;
    let refresh = json!({"refreshToken": ann.refresh_token});
    server.visitor().post("/v1/auth/refresh").json(&refresh).problem(401, "session_ended").await;
    let body = json!({"email": ann.email, "password": ann.password});
    server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
}

async fn a_deleted_user_is_out_at_once(server: TestServer) {
    let ann = server.user("ann").await;
    server.owner().delete(&format!("/v1/admin/users/{}", ann.id)).expect(204).await;
    let answer = ann.get("/v1/auth/me").send().await;
    assert_eq!(answer.status, 401, "{answer}");
}

async fn sessions_ended_by_an_operator_are_out_at_once(server: TestServer) {
    let ann = server.user("ann").await;
    let path = format!("/v1/admin/users/{}/sessions", ann.id);
    assert_eq!(server.owner().get(&path).expect(200).await.items().len(), 1);
    server.owner().delete(&path).expect(204).await;
    ann.get("/v1/auth/me").problem(401, "session_ended").await;
}

async fn a_password_set_by_an_operator_ends_sessions(server: TestServer) {
    let ann = server.user("ann").await;
    admin(&server, &ann.id, json!({"password": "set by an operator"})).await;
    ann.get("/v1/auth/me").problem(401, "session_ended").await;
    let body = json!({"email": ann.email, "password": "set by an operator"});
    server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
}

async fn a_changed_rule_counts_at_once(server: TestServer) {
    let ann = server.user("ann").await;
    for _ in 0..5 {
        server.define("plans", &json!({"rules": {"read": "auth != null && has(doc.id)"}})).await;
        if ann.get(&document("plans", "p")).send().await.status == 404 {
            let _ = server.service().put(&document("plans", "p")).json(&json!({})).send().await;
        }
        ann.get(&document("plans", "p")).expect(200).await;
        server.define("plans", &json!({"rules": {"read": "'nobody' in auth.roles"}})).await;
        ann.get(&document("plans", "p")).problem(404, "document_not_found").await;
        assert_eq!(ann.get(&documents("plans")).expect(200).await.items().len(), 0);
    }
}
