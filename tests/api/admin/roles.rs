use std::time::Duration;

use basalt_testing::{TestServer, User, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, document};

on_both_engines! {
    an_owner_declares_changes_and_removes_roles,
    who_is_no_owner_is_refused,
    an_undeclared_role_is_not_given,
    what_a_role_inherits_counts_at_once,
    circles_and_unknown_parents_are_refused,
    an_app_declares_roles,
}

const ROLES: &str = "/v1/admin/roles";

fn at(role: &str) -> String {
    format!("{ROLES}/{role}")
}

async fn give(server: &TestServer, user: &User, roles: Value) {
    server.owner().patch(&format!("/v1/admin/users/{}", user.id)).json(&json!({"roles": roles})).expect(200).await;
}

async fn an_owner_declares_changes_and_removes_roles(server: TestServer) {
    let owner = server.owner();
    owner.put(&at("viewer")).json(&json!({})).expect(200).await;
    let body = json!({"description": "Writes", "inherits": ["viewer"]});
    let made = owner.put(&at("editor")).json(&body).expect(200).await;
    assert_eq!((made.at("/name"), made.at("/inherits")), (json!("editor"), json!(["viewer"])));
    let same = owner.put(&at("editor")).json(&body).expect(200).await;
    assert_eq!(same.at("/updatedAt"), made.at("/updatedAt"), "the same content changes nothing");
    assert_eq!(owner.get(ROLES).expect(200).await.column("name"), ["editor", "viewer"]);
    owner.delete(&at("viewer")).problem(409, "referenced").await;
    server.clock().advance(Duration::from_secs(1));
    owner.delete(&at("editor")).expect(204).await;
    owner.get(&at("editor")).problem(404, "role_not_found").await;
    owner.delete(&at("editor")).problem(404, "role_not_found").await;
    let told: Vec<Value> = owner.get("/v1/admin/audit").expect(200).await.column("action");
    assert_eq!(told[..3], ["roles.delete", "roles.put", "roles.put"]);
}

async fn who_is_no_owner_is_refused(server: TestServer) {
    server.declare(&["viewer"]).await;
    let (ann, key) = (server.user("ann").await, server.key(&["users:write"]).await);
    for (client, status) in [(&server.visitor(), 401), (&*ann, 403), (&key, 403)] {
        for answer in [
            client.get(ROLES).send().await,
            client.get(&at("viewer")).send().await,
            client.put(&at("viewer")).json(&json!({})).send().await,
            client.delete(&at("viewer")).send().await,
        ] {
            assert_eq!(answer.status, status, "{answer}");
            answer.assert_is_problem();
        }
    }
    let editor = server.operator("editor").await;
    editor.get(&at("viewer")).expect(200).await;
    editor.put(&at("viewer")).json(&json!({})).problem(403, "operator_role_missing").await;
    editor.delete(&at("viewer")).problem(403, "operator_role_missing").await;
    let service = server.key(&["admin"]).await;
    service.put(&at("other")).json(&json!({})).expect(200).await;
}

async fn an_undeclared_role_is_not_given(server: TestServer) {
    let ann = server.user("ann").await;
    let path = format!("/v1/admin/users/{}", ann.id);
    let refused =
        server.owner().patch(&path).json(&json!({"roles": ["editor"]})).problem(422, "schema_violation").await;
    assert_eq!(refused.at("/errors/0/path"), "/roles/0");
    let new = json!({"email": "ben@example.com", "roles": ["editor"]});
    server.owner().post("/v1/admin/users").json(&new).problem(422, "schema_violation").await;
    server.declare(&["editor"]).await;
    give(&server, &ann, json!(["editor"])).await;
    server.owner().post("/v1/admin/users").json(&new).expect(201).await;
    // Who has a role that is gone may keep it among others; it only counts no longer.
    server.owner().delete(&at("editor")).expect(204).await;
    server.declare(&["viewer"]).await;
    give(&server, &ann, json!(["editor", "viewer"])).await;
}

async fn what_a_role_inherits_counts_at_once(server: TestServer) {
    server.define("plans", &json!({"rules": {"read": "'viewer' in auth.roles"}})).await;
    create(server.service(), "plans", json!({"id": "p"})).await;
    server.declare(&["viewer", "editor"]).await;
    let ann = server.user("ann").await;
    give(&server, &ann, json!(["editor"])).await;
    let plan = document("plans", "p");
    ann.get(&plan).problem(404, "document_not_found").await;
    for _ in 0..3 {
        server.owner().put(&at("editor")).json(&json!({"inherits": ["viewer"]})).expect(200).await;
        ann.get(&plan).expect(200).await;
        server.owner().put(&at("editor")).json(&json!({})).expect(200).await;
        ann.get(&plan).problem(404, "document_not_found").await;
    }
    give(&server, &ann, json!(["viewer"])).await;
    ann.get(&plan).expect(200).await;
    server.owner().delete(&at("viewer")).expect(204).await;
    ann.get(&plan).problem(404, "document_not_found").await;
}

async fn circles_and_unknown_parents_are_refused(server: TestServer) {
    server.declare(&["a", "b"]).await;
    let put = |role: &str, body: Value| server.owner().put(&at(role)).json(&body);
    put("a", json!({"inherits": ["b"]})).expect(200).await;
    for (role, body, code) in [
        ("b", json!({"inherits": ["a"]}), "circle"),
        ("a", json!({"inherits": ["a"]}), "circle"),
        ("c", json!({"inherits": ["nobody"]}), "unknown_role"),
        ("c", json!({"description": "x".repeat(501)}), "too_long"),
    ] {
        let refused = put(role, body).problem(422, "schema_violation").await;
        assert_eq!(refused.at("/errors/0/code"), code, "{refused}");
    }
    put("c", json!({"inherit": []})).problem(400, "unknown_field").await;
    put("a%20b", json!({})).problem(400, "bad_request").await;
    server.owner().get(&at("c")).problem(404, "role_not_found").await;
}

async fn an_app_declares_roles(server: TestServer) {
    server.declare(&["kept"]).await;
    let server = server.with_app("[roles.viewer]\n[roles.editor]\ninherits = [\"viewer\"]\n").await;
    assert_eq!(server.owner().get(ROLES).expect(200).await.column("name"), ["editor", "kept", "viewer"]);
    let ann = server.user("ann").await;
    give(&server, &ann, json!(["editor"])).await;
    server.owner().put(&at("viewer")).json(&json!({"description": "Reads"})).expect(200).await;
    let server = server.with_app("[roles.viewer]\n[roles.editor]\ninherits = [\"viewer\"]\n").await;
    let viewer = server.owner().get(&at("viewer")).expect(200).await;
    assert_eq!(viewer.at("/description"), "Reads", "what an operator changed stays under the same manifest");
    let server = server.with_app("[roles.viewer]\ndescription = \"Looks\"\n").await;
    let viewer = server.owner().get(&at("viewer")).expect(200).await;
    assert_eq!(viewer.at("/description"), "Looks", "and gives way to a newer one");
    let editor = server.owner().get(&at("editor")).expect(200).await;
    assert_eq!(editor.at("/inherits"), json!(["viewer"]), "what is left out stays");
    server.stop().await;
}
