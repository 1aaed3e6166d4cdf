use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, define_notes, define_open, document};

on_both_engines! {
    owners_and_members_read_it,
    hidden_and_missing_look_alike,
    select_narrows_and_keeps_id_and_revision,
    an_unchanged_document_is_304,
    answers_are_private_and_vary_by_caller,
    unknown_parameters_are_refused,
    a_collection_without_rules_hides_everything_but_from_services,
    a_scope_for_another_collection_is_not_enough,
}

async fn owners_and_members_read_it(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob, eve) = (server.user("ann").await, server.user("bob").await, server.user("eve").await);
    let made = create(&ann, "notes", json!({"owner": ann.id, "members": [bob.id]})).await;
    let path = document("notes", made["id"].as_str().unwrap());
    for client in [&*ann, &*bob, server.service()] {
        assert_eq!(client.get(&path).expect(200).await.body(), made);
    }
    eve.get(&path).problem(404, "document_not_found").await;
    server.visitor().get(&path).problem(404, "document_not_found").await;
}

async fn hidden_and_missing_look_alike(server: TestServer) {
    define_notes(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(&ann, "notes", json!({"id": "hidden", "owner": ann.id})).await;
    let shape = |answer: basalt_testing::Answer| {
        let mut body = answer.body();
        body["requestId"] = json!("");
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (answer.status, body, names)
    };
    for client in [&*eve, &server.visitor()] {
        let hidden = client.get(&document("notes", "hidden")).send().await;
        let missing = client.get(&document("notes", "absent")).send().await;
        assert_eq!(shape(hidden), shape(missing));
        let body = json!({"title": "x"});
        let hidden = client.patch(&document("notes", "hidden")).json(&body).send().await;
        let missing = client.patch(&document("notes", "absent")).json(&body).send().await;
        assert_eq!(shape(hidden), shape(missing));
        let hidden = client.delete(&document("notes", "hidden")).send().await;
        let missing = client.delete(&document("notes", "absent")).send().await;
        assert_eq!(shape(hidden), shape(missing));
        // Nor does a precondition or condition tell.
        let stale = |path: String| client.delete(&path).header("If-Match", "\"0\"").send();
        assert_eq!(shape(stale(document("notes", "hidden")).await), shape(stale(document("notes", "absent")).await));
        let asked = |path: String| client.delete(&path).query(&[("where", "doc.owner != ''")]).send();
        assert_eq!(shape(asked(document("notes", "hidden")).await), shape(asked(document("notes", "absent")).await));
    }
}

async fn select_narrows_and_keeps_id_and_revision(server: TestServer) {
    define_open(&server).await;
    let made = create(server.service(), "open", json!({"a": 1, "b": {"c": 2, "d": 3}, "e": 4})).await;
    let path = document("open", made["id"].as_str().unwrap());
    let answer = server.service().get(&path).query(&[("select", "a,b.c")]).expect(200).await;
    assert_eq!(answer.body(), json!({"id": made["id"], "rev": made["rev"], "a": 1, "b": {"c": 2}}));
    let answer = server.service().get(&path).query(&[("select", "missing")]).expect(200).await;
    assert_eq!(answer.body(), json!({"id": made["id"], "rev": made["rev"]}));
}

async fn an_unchanged_document_is_304(server: TestServer) {
    define_open(&server).await;
    let answer = server.service().post(&crate::support::documents("open")).json(&json!({"a": 1})).expect(201).await;
    let path = document("open", &answer.text_at("/id"));
    let same = server.service().get(&path).header("If-None-Match", &answer.etag()).expect(304).await;
    assert!(same.bytes.is_empty());
    assert_eq!(same.etag(), answer.etag());
    server.service().get(&path).header("If-None-Match", "\"another\"").expect(200).await;
    server.service().patch(&path).json(&json!({"a": 2})).expect(200).await;
    server.service().get(&path).header("If-None-Match", &answer.etag()).expect(200).await;
}

async fn answers_are_private_and_vary_by_caller(server: TestServer) {
    define_open(&server).await;
    let made = create(server.service(), "open", json!({})).await;
    let answer = server.visitor().get(&document("open", made["id"].as_str().unwrap())).expect(200).await;
    assert_eq!(answer.header("cache-control").as_deref(), Some("private, no-cache"));
    let vary = answer.header("vary").unwrap_or_default().to_lowercase();
    assert!(vary.contains("authorization"), "{vary}");
}

async fn unknown_parameters_are_refused(server: TestServer) {
    define_open(&server).await;
    let made = create(server.service(), "open", json!({})).await;
    let path = document("open", made["id"].as_str().unwrap());
    server.service().get(&path).query(&[("fields", "a")]).problem(400, "unknown_parameter").await;
}

async fn a_collection_without_rules_hides_everything_but_from_services(server: TestServer) {
    server.define("closed", &json!({})).await;
    let ann = server.user("ann").await;
    create(server.service(), "closed", json!({"id": "x"})).await;
    for client in [&*ann, &server.visitor()] {
        client.get(&document("closed", "x")).problem(404, "document_not_found").await;
    }
    server.service().get(&document("closed", "x")).expect(200).await;
}

async fn a_scope_for_another_collection_is_not_enough(server: TestServer) {
    define_open(&server).await;
    server.define("other", &json!({})).await;
    create(server.service(), "open", json!({"id": "x"})).await;
    let reader = server.key(&["documents:read:open"]).await;
    reader.get(&document("open", "x")).expect(200).await;
    reader.get(&document("other", "x")).problem(403, "scope_missing").await;
    let answer = reader.patch(&document("open", "x")).json(&json!({"a": 1})).problem(403, "scope_missing").await;
    assert!(answer.text_at("/detail").contains("documents:write:open"), "{answer}");
}
