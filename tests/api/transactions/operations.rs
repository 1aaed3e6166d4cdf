use basalt_testing::{Answer, Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{aggregate, create, define_notes, define_open, document, get, own_data};

on_both_engines! {
    every_operation_works_and_answers_in_order,
    operations_see_those_before_them,
    it_is_all_or_nothing,
    a_condition_decides_inside_it,
    checks_hold_or_refuse,
    if_match_guards_each_operation,
    five_hundred_operations_are_the_most,
    one_place_in_the_log_for_all,
    an_owner_writes_his_own_in_several_collections,
}

pub(super) async fn run(client: &Client, operations: Value) -> Answer {
    client.post("/v1/transactions").json(&json!({"operations": operations})).send().await
}

async fn every_operation_works_and_answers_in_order(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "old", "n": 1})).await;
    create(server.service(), "open", json!({"id": "gone"})).await;
    let answer = run(
        server.service(),
        json!([
            {"op": "create", "collection": "open", "data": {"n": 1}},
            {"op": "create", "collection": "open", "id": "chosen", "data": {"n": 2}},
            {"op": "replace", "collection": "open", "id": "put", "data": {"n": 3}},
            {"op": "patch", "collection": "open", "id": "old", "patch": {"n": {"$increment": 4}}},
            {"op": "patch", "collection": "open", "id": "new", "patch": {"n": 6}, "upsert": true},
            {"op": "delete", "collection": "open", "id": "gone"},
            {"op": "check", "collection": "open", "id": "absent", "exists": false},
        ]),
    );
    let answer = answer.await.expect(200);
    assert_eq!(answer.at("/results").as_array().map(Vec::len), Some(7), "{answer}");
    assert_eq!(answer.at("/results/1/id"), "chosen");
    assert_eq!(own_data(&answer.at("/results/3/document")), json!({"n": 5}));
    assert_eq!(answer.at("/results/3/rev"), answer.at("/results/3/document/rev"));
    assert_eq!(answer.at("/results/5/document"), Value::Null);
    let made = answer.text_at("/results/0/id");
    assert_eq!(get(server.service(), "open", &made).await["n"], 1);
    assert_eq!(get(server.service(), "open", "put").await["n"], 3);
    assert_eq!(get(server.service(), "open", "new").await["n"], 6);
    server.service().get(&document("open", "gone")).problem(404, "document_not_found").await;
}

async fn operations_see_those_before_them(server: TestServer) {
    define_open(&server).await;
    let answer = run(
        server.service(),
        json!([
            {"op": "create", "collection": "open", "id": "a", "data": {"n": 1}},
            {"op": "patch", "collection": "open", "id": "a", "patch": {"n": {"$increment": 1}}, "where": "doc.n == 1"},
            {"op": "check", "collection": "open", "id": "a", "exists": true, "where": "doc.n == 2"},
            {"op": "delete", "collection": "open", "id": "a"},
            {"op": "create", "collection": "open", "id": "a", "data": {"n": 7}},
        ]),
    );
    let _ = answer.await.expect(200);
    assert_eq!(get(server.service(), "open", "a").await["n"], 7);
}

async fn it_is_all_or_nothing(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "taken"})).await;
    let answer = run(
        server.service(),
        json!([
            {"op": "create", "collection": "open", "id": "a", "data": {}},
            {"op": "patch", "collection": "open", "id": "taken", "patch": {"n": 1}},
            {"op": "create", "collection": "open", "id": "taken", "data": {}},
        ]),
    );
    let answer = answer.await.problem(409, "document_exists");
    assert_eq!(answer.at("/operation"), 2, "{answer}");
    server.service().get(&document("open", "a")).problem(404, "document_not_found").await;
    assert_eq!(get(server.service(), "open", "taken").await.get("n"), None);
}

async fn a_condition_decides_inside_it(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "p", "stock": 3})).await;
    let buy = || {
        run(
            server.service(),
            json!([
                {"op": "create", "collection": "open", "data": {"order": true}},
                {"op": "patch", "collection": "open", "id": "p", "patch": {"stock": {"$increment": -2}}, "where": "doc.stock >= 2"},
            ]),
        )
    };
    let _ = buy().await.expect(200);
    assert_eq!(buy().await.problem(409, "condition_failed").at("/operation"), 1);
    assert_eq!(get(server.service(), "open", "p").await["stock"], 1);
    let body = json!({"filter": "order == true", "measures": {"n": {"count": true}}});
    assert_eq!(server.service().post(&aggregate("open")).json(&body).expect(200).await.at("/items/0/n"), 1);
}

async fn checks_hold_or_refuse(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "a", "n": 1})).await;
    let check = |check: Value| run(server.service(), json!([check]));
    let _ = check(json!({"op": "check", "collection": "open", "id": "a", "exists": true})).await.expect(200);
    let _ = check(json!({"op": "check", "collection": "open", "id": "a", "exists": true, "where": "doc.n == 1"}))
        .await
        .expect(200);
    for failing in [
        json!({"op": "check", "collection": "open", "id": "a", "exists": false}),
        json!({"op": "check", "collection": "open", "id": "b", "exists": true}),
        json!({"op": "check", "collection": "open", "id": "a", "exists": true, "where": "doc.n == 2"}),
        json!({"op": "check", "collection": "open", "id": "a", "exists": true, "where": "doc.absent == 2"}),
    ] {
        let answer = check(failing.clone()).await;
        assert!(answer.status == 409 || answer.status == 404, "{failing}: {answer}");
        assert_eq!(answer.at("/operation"), 0, "{answer}");
    }
}

async fn if_match_guards_each_operation(server: TestServer) {
    define_open(&server).await;
    let made = create(server.service(), "open", json!({"id": "a", "n": 1})).await;
    let patch = |rev: &Value| {
        run(
            server.service(),
            json!([
                {"op": "patch", "collection": "open", "id": "a", "patch": {"n": 2}, "ifMatch": rev},
            ]),
        )
    };
    let _ = patch(&made["rev"]).await.expect(200);
    assert_eq!(patch(&made["rev"]).await.problem(412, "precondition_failed").at("/operation"), 0);
}

async fn five_hundred_operations_are_the_most(server: TestServer) {
    define_open(&server).await;
    let operations = |count: usize| {
        let all: Vec<Value> =
            (0..count).map(|n| json!({"op": "create", "collection": "open", "data": {"n": n}})).collect();
        json!(all)
    };
    let answer = run(server.service(), operations(500)).await.expect(200);
    assert_eq!(answer.at("/results").as_array().map(Vec::len), Some(500));
    let answer = run(server.service(), operations(501)).await;
    assert!(answer.status == 400 || answer.status == 413, "{answer}");
    answer.assert_is_problem();
    let answer = run(server.service(), json!([])).await;
    assert!(answer.status == 400 || answer.status == 200, "{answer}");
}

async fn one_place_in_the_log_for_all(server: TestServer) {
    define_open(&server).await;
    let answer = run(
        server.service(),
        json!([
            {"op": "create", "collection": "open", "data": {}},
            {"op": "create", "collection": "open", "data": {}},
        ]),
    );
    let answer = answer.await.expect(200);
    let seq = answer.header("basalt-seq").expect("a place in the log");
    assert_eq!(answer.at("/seq"), json!(seq));
    let later = server.service().post(&crate::support::documents("open")).json(&json!({})).expect(201).await;
    assert!(later.header("basalt-seq").unwrap() > seq, "{later}");
}

async fn an_owner_writes_his_own_in_several_collections(server: TestServer) {
    define_notes(&server).await;
    server
        .define(
            "counts",
            &json!({"rules": {
        "read": "auth.id == doc.id", "create": "auth.id == next.id", "update": "auth.id == doc.id"}}),
        )
        .await;
    let ann = server.user("ann").await;
    for n in 1..=2 {
        let answer = run(
            &ann,
            json!([
                {"op": "create", "collection": "notes", "data": {"owner": ann.id}},
                {"op": "patch", "collection": "counts", "id": ann.id, "patch": {"notes": {"$increment": 1}}, "upsert": true},
            ]),
        );
        assert_eq!(answer.await.expect(200).at("/results/1/document/notes"), n);
    }
}
