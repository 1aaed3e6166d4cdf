use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::json;

on_both_engines! {
    an_owner_adds_changes_and_removes_operators,
    each_role_does_what_it_may,
    a_removed_operator_is_out_at_once,
    the_last_owner_stays,
    who_is_no_operator_is_refused,
    passwords_never_come_back,
}

const OPERATORS: &str = "/v1/admin/operators";

async fn add(client: &Client, email: &str, role: &str) -> basalt_testing::Answer {
    let body = json!({"email": email, "role": role, "password": "a long enough phrase"});
    client.post(OPERATORS).json(&body).send().await
}

async fn an_owner_adds_changes_and_removes_operators(server: TestServer) {
    let owner = server.owner();
    let made = add(owner, "ed@example.com", "editor").await.expect(201);
    let path = format!("{OPERATORS}/{}", made.text_at("/id"));
    assert_eq!(made.header("location"), Some(path.clone()));
    assert_eq!(owner.get(&path).expect(200).await.at("/role"), "editor");
    owner.patch(&path).json(&json!({"role": "viewer"})).expect(200).await;
    assert_eq!(owner.get(OPERATORS).expect(200).await.items().len(), 2);
    let _ = add(owner, "ED@example.com", "viewer").await.problem(409, "unique_conflict");
    owner.delete(&path).expect(204).await;
    owner.get(&path).problem(404, "operator_not_found").await;
    owner.delete(&path).problem(404, "operator_not_found").await;
    owner.patch(&path).json(&json!({"role": "owner"})).problem(404, "operator_not_found").await;
    for bad in [
        json!({}),
        json!({"email": "x@example.com", "role": "god", "password": "a long enough phrase"}),
        json!({"email": "no address", "role": "viewer", "password": "a long enough phrase"}),
        json!({"email": "x@example.com", "role": "viewer", "password": "short"}),
    ] {
        let answer = owner.post(OPERATORS).json(&bad).send().await;
        assert!([400, 422].contains(&answer.status), "{bad}: {answer}");
    }
}

async fn each_role_does_what_it_may(server: TestServer) {
    let (viewer, editor) = (server.operator("viewer").await, server.operator("editor").await);
    let ann = server.user("ann").await;
    let user = format!("/v1/admin/users/{}", ann.id);
    for client in [&viewer, &editor, server.owner()] {
        client.get("/v1/admin/users").expect(200).await;
        client.get("/v1/admin/collections").expect(200).await;
        client.get("/v1/admin/keys").expect(200).await;
        client.get(OPERATORS).expect(200).await;
    }
    viewer.patch(&user).json(&json!({"data": {"a": 1}})).problem(403, "operator_role_missing").await;
    viewer.delete(&user).problem(403, "operator_role_missing").await;
    editor.patch(&user).json(&json!({"data": {"a": 1}})).expect(200).await;
    for client in [&viewer, &editor] {
        let _ = add(client, "x@example.com", "owner").await.problem(403, "operator_role_missing");
        let key = json!({"name": "x", "scopes": ["*"]});
        client.post("/v1/admin/keys").json(&key).problem(403, "operator_role_missing").await;
    }
}

async fn a_removed_operator_is_out_at_once(server: TestServer) {
    let editor = server.operator("editor").await;
    let id = editor.get("/v1/admin/me").expect(200).await.text_at("/id");
    let path = format!("{OPERATORS}/{id}");
    server.owner().patch(&path).json(&json!({"role": "viewer"})).expect(200).await;
    let body = json!({"email": "x@example.com", "password": "a long enough phrase"});
    editor.post("/v1/admin/users").json(&body).problem(403, "operator_role_missing").await;
    server.owner().delete(&path).expect(204).await;
    editor.get("/v1/admin/me").expect(401).await;
}

async fn the_last_owner_stays(server: TestServer) {
    let id = server.owner().get("/v1/admin/me").expect(200).await.text_at("/id");
    let path = format!("{OPERATORS}/{id}");
    server.owner().delete(&path).problem(409, "condition_failed").await;
    server.owner().patch(&path).json(&json!({"role": "viewer"})).problem(409, "condition_failed").await;
}

async fn who_is_no_operator_is_refused(server: TestServer) {
    let ann = server.user("ann").await;
    let path = format!("{OPERATORS}/x");
    for (client, status, code) in [(&server.visitor(), 401, "unauthenticated"), (&*ann, 403, "forbidden")] {
        client.get("/v1/admin/me").problem(status, code).await;
        client.get(OPERATORS).problem(status, code).await;
        client.get(&path).problem(status, code).await;
        let _ = add(client, "x@example.com", "owner").await.problem(status, code);
        client.patch(&path).json(&json!({"role": "owner"})).problem(status, code).await;
        client.delete(&path).problem(status, code).await;
    }
}

async fn passwords_never_come_back(server: TestServer) {
    let made = add(server.owner(), "ed@example.com", "editor").await.expect(201);
    let listed = server.owner().get(OPERATORS).expect(200).await;
    for answer in [made, listed] {
        let text = answer.text().to_lowercase();
        assert!(!text.contains("password") && !text.contains("hash") && !text.contains("argon2"), "{answer}");
    }
}
