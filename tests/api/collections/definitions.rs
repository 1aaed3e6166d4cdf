//! `/v1/admin/collections`

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, document, documents};

on_both_engines! {
    putting_makes_it_and_changes_it,
    a_plan_changes_nothing,
    dropping_asks_for_the_name,
    system_and_bad_names_are_refused,
    users_keep_what_the_server_owns,
    a_bad_schema_is_refused,
    an_unknown_collection_is_not_found,
    who_is_no_operator_is_refused,
    a_service_needs_the_scope_admin,
    later_options_are_refused,
}

const NOTES: &str = "/v1/admin/collections/notes";

async fn putting_makes_it_and_changes_it(server: TestServer) {
    let owner = server.owner();
    let first = json!({"rules": {"read": "auth.id == doc.owner"}});
    let made = owner.put(NOTES).json(&first).send().await;
    assert!([200, 201].contains(&made.status), "{made}");
    create(server.service(), "notes", json!({"id": "n"})).await;
    let second = json!({"rules": {"read": "auth.id == doc.owner"}, "indexes": [{"fields": ["owner"]}]});
    owner.put(NOTES).json(&second).expect(200).await;
    let shown = owner.get(NOTES).expect(200).await;
    assert!(shown.text().contains("auth.id == doc.owner"), "{shown}");
    // Again the same: nothing changes.
    owner.put(NOTES).json(&second).expect(200).await;
    let listed = owner.get("/v1/admin/collections").expect(200).await;
    let names: Vec<Value> = listed.column("name");
    assert!(names.contains(&json!("notes")) && names.contains(&json!("users")), "{listed}");
    assert!(names.iter().all(|name| !name.as_str().unwrap().starts_with('_')), "{listed}");
    server.service().get(&document("notes", "n")).expect(200).await;
}

async fn a_plan_changes_nothing(server: TestServer) {
    let definition = json!({"rules": {"read": "auth.id == doc.owner"}});
    let answer = server.owner().put(NOTES).query(&[("plan", "true")]).json(&definition).expect(200).await;
    assert!(answer.body().is_object(), "{answer}");
    server.owner().get(NOTES).problem(404, "collection_not_found").await;
}

async fn dropping_asks_for_the_name(server: TestServer) {
    server.define("notes", &json!({})).await;
    create(server.service(), "notes", json!({"id": "n"})).await;
    let owner = server.owner();
    for confirm in [None, Some("note"), Some("true")] {
        let mut call = owner.delete(NOTES);
        if let Some(name) = confirm {
            call = call.query(&[("confirm", name)]);
        }
        let answer = call.send().await;
        assert!([400, 409].contains(&answer.status), "{confirm:?}: {answer}");
        server.service().get(&document("notes", "n")).expect(200).await;
    }
    let dropped = owner.delete(NOTES).query(&[("confirm", "notes")]).send().await;
    assert!([200, 204].contains(&dropped.status), "{dropped}");
    server.service().get(&documents("notes")).problem(404, "collection_not_found").await;
    // A new one of this name begins empty.
    server.define("notes", &json!({})).await;
    assert!(server.service().get(&documents("notes")).expect(200).await.items().is_empty());
}

async fn system_and_bad_names_are_refused(server: TestServer) {
    for name in ["_keys", "_credentials", "1a", "a-b", "a.b", "%20", &"x".repeat(64)] {
        let path = format!("/v1/admin/collections/{name}");
        let answer = server.owner().put(&path).json(&json!({})).send().await;
        assert!((400..500).contains(&answer.status), "{name}: {answer}");
        answer.assert_is_problem();
    }
    let path = format!("/v1/admin/collections/{}", "x".repeat(63));
    let answer = server.owner().put(&path).json(&json!({})).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
}

async fn users_keep_what_the_server_owns(server: TestServer) {
    let path = "/v1/admin/collections/users";
    for rules in [json!({"create": "auth != null && next.a == 1"}), json!({"delete": "auth.id == doc.id"})] {
        let answer = server.owner().put(path).json(&json!({"rules": rules})).send().await;
        assert!([409, 422].contains(&answer.status), "{answer}");
    }
    let answer = server.owner().delete(path).query(&[("confirm", "users")]).send().await;
    assert!((400..500).contains(&answer.status), "{answer}");
    server.user("ann").await;
}

async fn a_bad_schema_is_refused(server: TestServer) {
    for schema in [
        json!({"type": "bogus"}),
        json!({"properties": 1}),
        json!({"$ref": "http://127.0.0.1:1/schema.json"}),
        json!({"$ref": "file:///etc/passwd"}),
        json!({"pattern": "("}),
        json!(1),
    ] {
        let answer = server.owner().put(NOTES).json(&json!({"schema": schema})).send().await;
        assert!([400, 422].contains(&answer.status), "{schema}: {answer}");
        answer.assert_is_problem();
    }
}

async fn an_unknown_collection_is_not_found(server: TestServer) {
    server.owner().get("/v1/admin/collections/nowhere").problem(404, "collection_not_found").await;
    let call = server.owner().delete("/v1/admin/collections/nowhere").query(&[("confirm", "nowhere")]);
    call.problem(404, "collection_not_found").await;
}

async fn who_is_no_operator_is_refused(server: TestServer) {
    server.define("notes", &json!({})).await;
    let ann = server.user("ann").await;
    for (client, status, code) in [(&server.visitor(), 401, "unauthenticated"), (&*ann, 403, "forbidden")] {
        client.get("/v1/admin/collections").problem(status, code).await;
        client.get(NOTES).problem(status, code).await;
        client.put(NOTES).json(&json!({})).problem(status, code).await;
        client.delete(NOTES).query(&[("confirm", "notes")]).problem(status, code).await;
    }
    let viewer = server.operator("viewer").await;
    viewer.get(NOTES).expect(200).await;
    viewer.put(NOTES).json(&json!({})).problem(403, "operator_role_missing").await;
    viewer.delete(NOTES).query(&[("confirm", "notes")]).problem(403, "operator_role_missing").await;
}

async fn a_service_needs_the_scope_admin(server: TestServer) {
    let writer = server.key(&["documents:write"]).await;
    writer.put(NOTES).json(&json!({})).problem(403, "scope_missing").await;
    let admin = server.key(&["admin"]).await;
    let answer = admin.put(NOTES).json(&json!({})).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
}

async fn later_options_are_refused(server: TestServer) {
    let definition = json!({"softDelete": true});
    server.owner().put(NOTES).json(&definition).problem(400, "not_available").await;
}
