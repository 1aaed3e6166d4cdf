//! A user whose rule lets him change his own document still changes none of the server's fields, whatever the door.

use basalt_testing::{Answer, TestServer, User, on_both_engines};
use serde_json::{Value, json};

use crate::support::{document, documents, query};

on_both_engines! {
    no_door_changes_a_protected_field,
    services_are_no_exception_at_the_generic_doors,
    sign_up_data_fills_other_fields_only,
    profile_changes_reach_other_fields_only,
    other_users_see_neither_document_nor_protected_fields,
    protected_fields_of_others_cannot_be_filtered_or_sorted,
    users_are_neither_created_nor_deleted_at_the_generic_doors,
    fields_of_ones_own_change_freely,
}

const PROTECTED: [&str; 10] = [
    "roles",
    "claims",
    "email",
    "emailVerified",
    "disabled",
    "username",
    "phone",
    "phoneVerified",
    "anonymous",
    "lastLoginAt",
];

async fn define_users(server: &TestServer) {
    let rules = json!({"rules": {"read": "auth != null", "update": "auth.id == doc.id"}});
    server.define("users", &rules).await;
}

fn value_for(field: &str) -> Value {
    match field {
        "roles" => json!(["admin"]),
        "claims" => json!({"admin": true}),
        "emailVerified" | "phoneVerified" | "disabled" | "anonymous" => json!(true),
        "email" => json!("other@example.com"),
        _ => json!("+4915112345678"),
    }
}

/// Every way in which `user` could try to set `field`.
async fn tries(user: &User, field: &str) -> Vec<(&'static str, Answer)> {
    let path = document("users", &user.id);
    let value = value_for(field);
    let mut one = json!({});
    one[field] = value.clone();
    let mut whole = user.get(&path).expect(200).await.body();
    whole[field] = value.clone();
    let with = |operator: &str, operand: Value| json!({field: {operator: operand}});
    let merge = |body: &Value| user.patch(&path).json(body).send();
    let transaction = |operation: Value| user.post("/v1/transactions").json(&json!({"operations": [operation]})).send();
    let json_patch = json!([{"op": "add", "path": format!("/{field}"), "value": value}]).to_string();
    let moved = json!([
        {"op": "add", "path": "/mine", "value": value},
        {"op": "move", "from": "/mine", "path": format!("/{field}")},
    ]);
    let content_type = "application/json-patch+json";
    vec![
        ("PATCH", merge(&one).await),
        ("PUT", user.put(&path).json(&whole).send().await),
        ("JSON Patch", user.patch(&path).body(content_type, json_patch).send().await),
        ("JSON Patch move", user.patch(&path).body(content_type, moved.to_string()).send().await),
        ("$set", merge(&with("$set", value.clone())).await),
        ("$union", merge(&with("$union", json!(["admin"]))).await),
        ("$append", merge(&with("$append", json!(["admin"]))).await),
        ("$increment", merge(&with("$increment", json!(1))).await),
        ("$now", merge(&with("$now", json!(true))).await),
        ("upsert", user.patch(&path).query(&[("upsert", "true")]).json(&one).send().await),
        (
            "transaction patch",
            transaction(json!({"op": "patch", "collection": "users", "id": user.id, "patch": one})).await,
        ),
        (
            "transaction upsert",
            transaction(json!({"op": "patch", "collection": "users", "id": user.id, "patch": one, "upsert": true}))
                .await,
        ),
        (
            "transaction replace",
            transaction(json!({"op": "replace", "collection": "users", "id": user.id, "data": one})).await,
        ),
    ]
}

async fn no_door_changes_a_protected_field(server: TestServer) {
    define_users(&server).await;
    let ann = server.user("ann").await;
    let path = document("users", &ann.id);
    for field in PROTECTED {
        let before = server.service().get(&path).expect(200).await.at(&format!("/{field}"));
        for (door, answer) in tries(&ann, field).await {
            assert!((400..500).contains(&answer.status), "{door} of {field}: {answer}");
            if !door.starts_with('$') {
                assert_eq!(answer.code().as_deref(), Some("field_protected"), "{door} of {field}: {answer}");
                assert_eq!(answer.status, 403, "{door} of {field}: {answer}");
            }
            let after = server.service().get(&path).expect(200).await.at(&format!("/{field}"));
            assert_eq!(after, before, "{door} of {field}: {answer}");
        }
    }
    // Nor by leaving it out.
    let me = server.service().get(&path).expect(200).await;
    let answer = ann.put(&path).json(&json!({"displayName": "Ann"})).send().await;
    assert!(answer.status == 200 || answer.status == 403, "{answer}");
    let after = server.service().get(&path).expect(200).await;
    for field in PROTECTED {
        assert_eq!(after.at(&format!("/{field}")), me.at(&format!("/{field}")), "{field}");
    }
    for patch in [json!({"email": null}), json!({"roles": {"$unset": true}})] {
        let answer = ann.patch(&path).json(&patch).send().await;
        assert!(answer.status == 403, "{patch}: {answer}");
    }
    let again = ann.post("/v1/auth/login").json(&json!({"email": ann.email, "password": ann.password}));
    assert_eq!(again.expect(200).await.at("/user/roles"), me.at("/roles"));
}

async fn services_are_no_exception_at_the_generic_doors(server: TestServer) {
    define_users(&server).await;
    let ann = server.user("ann").await;
    for field in ["roles", "email", "emailVerified", "disabled"] {
        let body = json!({field: value_for(field)});
        server.service().patch(&document("users", &ann.id)).json(&body).problem(403, "field_protected").await;
    }
}

async fn sign_up_data_fills_other_fields_only(server: TestServer) {
    for field in PROTECTED {
        let body = json!({
            "email": format!("{}@example.com", field.to_lowercase()),
            "password": "a long enough phrase",
            "data": {field: value_for(field)},
        });
        let answer = server.visitor().post("/v1/auth/signup").json(&body).send().await;
        let _ = answer.problem(403, "field_protected");
    }
    let body = json!({"email": "a@example.com", "password": "a long enough phrase", "data": {"displayName": "A"}});
    let answer = server.visitor().post("/v1/auth/signup").json(&body).expect(201).await;
    assert_eq!(answer.at("/user/displayName"), "A");
}

async fn profile_changes_reach_other_fields_only(server: TestServer) {
    let ann = server.user("ann").await;
    for field in PROTECTED {
        ann.patch("/v1/auth/me").json(&json!({field: value_for(field)})).problem(403, "field_protected").await;
    }
    let answer = ann.patch("/v1/auth/me").json(&json!({"displayName": "Ann"})).expect(200).await;
    let name =
        if answer.at("/displayName").is_null() { answer.at("/user/displayName") } else { answer.at("/displayName") };
    assert_eq!(name, "Ann");
}

async fn other_users_see_neither_document_nor_protected_fields(server: TestServer) {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    bob.get(&document("users", &ann.id)).problem(404, "document_not_found").await;
    define_users(&server).await;
    ann.patch("/v1/auth/me").json(&json!({"displayName": "Ann"})).expect(200).await;
    let seen = bob.get(&document("users", &ann.id)).expect(200).await;
    assert_eq!(seen.at("/displayName"), "Ann");
    for field in PROTECTED {
        assert!(seen.body().get(field).is_none(), "{field}: {seen}");
    }
    let own = ann.get(&document("users", &ann.id)).expect(200).await;
    assert_eq!(own.at("/email"), json!(ann.email));
    for item in bob.get(&documents("users")).expect(200).await.items() {
        assert_eq!(item.get("email").is_some(), item["id"] == json!(bob.id), "{item}");
    }
}

async fn protected_fields_of_others_cannot_be_filtered_or_sorted(server: TestServer) {
    define_users(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    for filter in [
        format!("email == '{}'", ann.email),
        "email.startsWith('a')".into(),
        "has(doc.email)".into(),
        "displayName == 'x' || email > 'a'".into(),
        "!(email == 'x')".into(),
        "doc['email'] == 'x'".into(),
        "'admin' in roles".into(),
    ] {
        let answer = bob.get(&documents("users")).query(&[("filter", &filter)]).send().await;
        assert_eq!(answer.status, 400, "{filter}: {answer}");
        let body = json!({"filter": filter, "measures": {"n": {"count": true}}});
        let answer = bob.post(&crate::support::aggregate("users")).json(&body).send().await;
        assert_eq!(answer.status, 400, "{filter}: {answer}");
    }
    let answer = bob.get(&documents("users")).query(&[("sort", "email")]).send().await;
    assert_eq!(answer.status, 400, "{answer}");
    let body = json!({"groupBy": ["email"], "measures": {"n": {"count": true}}});
    let answer = bob.post(&crate::support::aggregate("users")).json(&body).send().await;
    assert_eq!(answer.status, 400, "{answer}");
    let body = json!({"filter": format!("email == '{}'", ann.email)});
    assert_eq!(server.service().post(&query("users")).json(&body).expect(200).await.column("id"), [json!(ann.id)]);
}

async fn users_are_neither_created_nor_deleted_at_the_generic_doors(server: TestServer) {
    define_users(&server).await;
    let ann = server.user("ann").await;
    let path = document("users", &ann.id);
    for client in [&*ann, server.service()] {
        for answer in [
            client.post(&documents("users")).json(&json!({"displayName": "x"})).send().await,
            client.put(&document("users", "fresh")).json(&json!({"displayName": "x"})).send().await,
            client.patch(&document("users", "fresh")).query(&[("upsert", "true")]).json(&json!({"a": 1})).send().await,
            client.delete(&path).send().await,
        ] {
            assert!([403, 404, 405].contains(&answer.status), "{answer}");
            answer.assert_is_problem();
        }
    }
    ann.get(&path).expect(200).await;
}

async fn fields_of_ones_own_change_freely(server: TestServer) {
    define_users(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let path = document("users", &ann.id);
    let answer = ann.patch(&path).json(&json!({"displayName": "Ann", "visits": {"$increment": 1}})).expect(200).await;
    assert_eq!((answer.at("/displayName"), answer.at("/visits")), (json!("Ann"), json!(1)));
    let mut whole = ann.get(&path).expect(200).await.body();
    whole["displayName"] = json!("A.");
    assert_eq!(ann.put(&path).json(&whole).expect(200).await.at("/displayName"), "A.");
    bob.patch(&path).json(&json!({"displayName": "B"})).problem(403, "rule_denied").await;
}
