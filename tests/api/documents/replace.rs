use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, define_notes, define_open, document, get, own_data};

on_both_engines! {
    it_creates_with_the_create_rule_and_replaces_with_the_update_rule,
    what_the_body_lacks_is_gone,
    get_edit_put_works_unchanged,
    an_id_in_the_body_must_be_the_paths,
    if_match_guards_against_a_lost_update,
    if_none_match_star_only_creates,
    where_decides_on_the_stored_document,
    a_stranger_learns_nothing_and_changes_nothing,
    the_owner_cannot_give_it_away,
    a_visitor_is_asked_to_sign_in,
}

async fn it_creates_with_the_create_rule_and_replaces_with_the_update_rule(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    let answer = ann.put(&document("notes", "n1")).json(&json!({"owner": ann.id, "n": 1})).expect(201).await;
    assert_eq!(answer.at("/id"), "n1");
    let first = answer.etag();
    let answer = ann.put(&document("notes", "n1")).json(&json!({"owner": ann.id, "n": 2})).expect(200).await;
    assert_eq!(answer.at("/n"), 2);
    assert_ne!(answer.etag(), first);
    assert_eq!(answer.etag(), format!("\"{}\"", answer.text_at("/rev")));
}

async fn what_the_body_lacks_is_gone(server: TestServer) {
    define_open(&server).await;
    let made = create(server.service(), "open", json!({"a": 1, "b": 2})).await;
    let path = document("open", made["id"].as_str().unwrap());
    let answer = server.service().put(&path).json(&json!({"b": 3})).expect(200).await;
    assert_eq!(own_data(&answer.body()), json!({"b": 3}));
    assert_eq!(answer.at("/createdAt"), made["createdAt"]);
    assert!(answer.text_at("/updatedAt").as_str() > made["updatedAt"].as_str().unwrap());
}

async fn get_edit_put_works_unchanged(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id, "title": "old"})).await;
    let mut edited = get(&ann, "notes", "n1").await;
    edited["title"] = json!("new");
    let answer = ann.put(&document("notes", "n1")).json(&edited).expect(200).await;
    assert_eq!(answer.at("/title"), "new");
    assert_ne!(answer.at("/rev"), edited["rev"]);
}

async fn an_id_in_the_body_must_be_the_paths(server: TestServer) {
    define_open(&server).await;
    server.service().put(&document("open", "a")).json(&json!({"id": "b"})).problem(400, "id_mismatch").await;
    server.service().put(&document("open", "a")).json(&json!({"id": "a"})).expect(201).await;
    server.service().patch(&document("open", "a")).json(&json!({"id": "b"})).problem(400, "id_mismatch").await;
}

async fn if_match_guards_against_a_lost_update(server: TestServer) {
    define_open(&server).await;
    let first = server.service().put(&document("open", "a")).json(&json!({"n": 1})).expect(201).await.etag();
    let second = server.service().put(&document("open", "a")).header("If-Match", &first).json(&json!({"n": 2}));
    let second = second.expect(200).await.etag();
    let late = server.service().put(&document("open", "a")).header("If-Match", &first).json(&json!({"n": 3}));
    late.problem(412, "precondition_failed").await;
    assert_eq!(get(server.service(), "open", "a").await["n"], 2);
    server
        .service()
        .patch(&document("open", "a"))
        .header("If-Match", &first)
        .json(&json!({"n": 3}))
        .problem(412, "precondition_failed")
        .await;
    server
        .service()
        .delete(&document("open", "a"))
        .header("If-Match", &first)
        .problem(412, "precondition_failed")
        .await;
    server.service().delete(&document("open", "a")).header("If-Match", &second).expect(204).await;
    server
        .service()
        .put(&document("open", "a"))
        .header("If-Match", &second)
        .json(&json!({}))
        .problem(412, "precondition_failed")
        .await;
}

async fn if_none_match_star_only_creates(server: TestServer) {
    define_open(&server).await;
    let put = || server.service().put(&document("open", "a")).header("If-None-Match", "*").json(&json!({}));
    put().expect(201).await;
    put().problem(412, "precondition_failed").await;
}

async fn where_decides_on_the_stored_document(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    create(service, "open", json!({"id": "a", "stock": 3})).await;
    let path = document("open", "a");
    service
        .patch(&path)
        .query(&[("where", "doc.stock >= 4")])
        .json(&json!({"stock": 0}))
        .problem(409, "condition_failed")
        .await;
    service
        .patch(&path)
        .query(&[("where", "doc.absent == 4")])
        .json(&json!({"stock": 0}))
        .problem(409, "condition_failed")
        .await;
    service.patch(&path).query(&[("where", "doc.stock >= 3")]).json(&json!({"stock": 1})).expect(200).await;
    service.delete(&path).query(&[("where", "doc.stock >= 3")]).problem(409, "condition_failed").await;
    let answer = service.delete(&path).query(&[("where", "doc.stock >=")]).expect(400).await;
    answer.assert_is_problem();
    assert_eq!(answer.at("/errors/0/line"), 1, "{answer}");
    service.delete(&path).query(&[("where", "doc.stock == 1")]).expect(204).await;
}

async fn a_stranger_learns_nothing_and_changes_nothing(server: TestServer) {
    define_notes(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    let made = create(&ann, "notes", json!({"id": "n1", "owner": ann.id, "title": "secret"})).await;
    let answer = eve.put(&document("notes", "n1")).json(&json!({"owner": eve.id})).send().await;
    assert!(!answer.problem(409, "document_exists").text().contains("secret"));
    eve.put(&document("notes", "n1")).json(&json!({"owner": ann.id})).problem(403, "rule_denied").await;
    assert_eq!(get(&ann, "notes", "n1").await, made);
}

async fn the_owner_cannot_give_it_away(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    ann.put(&document("notes", "n1")).json(&json!({"owner": bob.id})).problem(403, "rule_denied").await;
    ann.put(&document("notes", "n1")).json(&json!({})).problem(403, "rule_denied").await;
    ann.patch(&document("notes", "n1")).json(&json!({"owner": null})).problem(403, "rule_denied").await;
}

async fn a_visitor_is_asked_to_sign_in(server: TestServer) {
    define_notes(&server).await;
    server.visitor().put(&document("notes", "n1")).json(&json!({"owner": "x"})).problem(401, "unauthenticated").await;
}
