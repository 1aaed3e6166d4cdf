use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, define_notes, document};

on_both_engines! {
    it_shows_all_of_ones_own_without_a_rule,
    a_visitor_is_asked_to_sign_in,
    a_service_is_nobody_here,
    own_fields_change,
    deleting_ends_everything,
}

fn user_of(body: Value) -> Value {
    if body["user"].is_object() { body["user"].clone() } else { body }
}

async fn it_shows_all_of_ones_own_without_a_rule(server: TestServer) {
    let ann = server.user("ann").await;
    let me = user_of(ann.get("/v1/auth/me").expect(200).await.body());
    assert_eq!((&me["id"], &me["email"]), (&json!(ann.id), &json!(ann.email)));
    assert_eq!(me["roles"], json!([]));
}

async fn a_visitor_is_asked_to_sign_in(server: TestServer) {
    let visitor = server.visitor();
    visitor.get("/v1/auth/me").problem(401, "unauthenticated").await;
    visitor.patch("/v1/auth/me").json(&json!({"a": 1})).problem(401, "unauthenticated").await;
    visitor.delete("/v1/auth/me").problem(401, "unauthenticated").await;
}

async fn a_service_is_nobody_here(server: TestServer) {
    for answer in [
        server.service().get("/v1/auth/me").send().await,
        server.service().patch("/v1/auth/me").json(&json!({"a": 1})).send().await,
        server.service().delete("/v1/auth/me").send().await,
    ] {
        assert!([401, 403].contains(&answer.status), "{answer}");
        answer.assert_is_problem();
    }
}

async fn own_fields_change(server: TestServer) {
    let ann = server.user("ann").await;
    let patch = json!({"displayName": "Ann", "settings": {"theme": "dark"}});
    ann.patch("/v1/auth/me").json(&patch).expect(200).await;
    let answer = ann.patch("/v1/auth/me").json(&json!({"settings": {"font": 12}})).expect(200).await;
    let me = user_of(answer.body());
    assert_eq!(me["settings"], json!({"theme": "dark", "font": 12}));
    ann.patch("/v1/auth/me").json(&json!({"displayName": null})).expect(200).await;
    let me = user_of(ann.get("/v1/auth/me").expect(200).await.body());
    assert_eq!(me.get("displayName"), None);
    for bad in [json!({"_x": 1}), json!({"id": "another"}), json!([])] {
        let answer = ann.patch("/v1/auth/me").json(&bad).send().await;
        assert_eq!(answer.status, 400, "{bad}: {answer}");
    }
}

async fn deleting_ends_everything(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    ann.delete("/v1/auth/me").expect(204).await;
    let answer = ann.get("/v1/auth/me").send().await;
    assert_eq!(answer.status, 401, "{answer}");
    let answer = ann.get(&document("notes", "n1")).send().await;
    assert_eq!(answer.status, 401, "{answer}");
    let body = json!({"email": ann.email, "password": ann.password});
    server.visitor().post("/v1/auth/login").json(&body).problem(401, "invalid_credentials").await;
    server.service().get(&document("users", &ann.id)).problem(404, "document_not_found").await;
    let again = server.visitor().post("/v1/auth/signup").json(&body).expect(201).await;
    assert_ne!(again.at("/user/id"), json!(ann.id));
}
