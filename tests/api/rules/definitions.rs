//! What is wrong with rules is told when they are saved, with line and column.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

on_both_engines! {
    faults_name_their_rule_line_and_column,
    all_faults_are_told_at_once,
    public_writes_have_to_be_acknowledged,
    list_rules_have_to_have_an_exact_form_in_the_database,
    a_refused_definition_changes_nothing,
}

async fn put(server: &TestServer, definition: &Value) -> basalt_testing::Answer {
    server.owner().put("/v1/admin/collections/things").json(definition).send().await
}

async fn faults_name_their_rule_line_and_column(server: TestServer) {
    for (rule, text) in [
        ("get", ""),
        ("get", "auth.id =="),
        ("get", "auht.id == doc.owner"),
        ("get", "next.owner == auth.id"),
        ("get", "'a text'"),
        ("get", "1 + 1"),
        ("get", "doc.owner.nosuch()"),
        ("create", "doc.owner == auth.id"),
        ("create", "unchanged('owner')"),
        ("get", "limit('x', 1, duration('1m'))"),
        ("update", "unchanged(doc.owner)"),
        ("list", "next.a == 1"),
        ("get", "request.body.x == 1"),
        ("get", "auth.profile.x == 1"),
        ("get", "vars.x == 1"),
    ] {
        let answer = put(&server, &json!({"rules": {rule: text}})).await.problem(422, "invalid_definition");
        assert_eq!(answer.at("/errors/0/path"), format!("/rules/{rule}"), "{text}: {answer}");
        assert!(answer.at("/errors/0/line").as_u64() >= Some(1), "{text}: {answer}");
        assert!(answer.at("/errors/0/column").as_u64() >= Some(1), "{text}: {answer}");
    }
    let text = "auth != null &&\n  doc.owner == auht.id";
    let answer = put(&server, &json!({"rules": {"get": text}})).await;
    assert_eq!((answer.at("/errors/0/line"), answer.at("/errors/0/column")), (json!(2), json!(16)), "{answer}");
}

async fn all_faults_are_told_at_once(server: TestServer) {
    // First those of the form, then those of the expressions.
    for (definition, places) in [
        (
            json!({"rules": {"bogus": "true"}, "indexes": [{"fields": []}, {"bogus": 1}], "bogus": true}),
            &["/rules/bogus", "/indexes/0", "/indexes/1/bogus", "/bogus"][..],
        ),
        (
            json!({"rules": {"get": "auth.id ==", "create": "nosuch", "fields": {"x": {"read": "("}}}}),
            &["/rules/get", "/rules/create", "/rules/fields/x/read"],
        ),
    ] {
        let answer = put(&server, &definition).await.problem(422, "invalid_definition");
        let errors = answer.at("/errors");
        let paths: Vec<&str> = errors.as_array().unwrap().iter().filter_map(|error| error["path"].as_str()).collect();
        for place in places {
            assert!(paths.contains(place), "{place}: {answer}");
        }
    }
}

async fn public_writes_have_to_be_acknowledged(server: TestServer) {
    for op in ["create", "update", "delete"] {
        let answer = put(&server, &json!({"rules": {op: "true"}})).await;
        let _ = answer.problem(409, "plan_refused");
        let definition = json!({"rules": {op: "true"}, "acknowledge": [op]});
        let answer = put(&server, &definition).await;
        assert!([200, 201].contains(&answer.status), "{answer}");
    }
    let answer = put(&server, &json!({"rules": {"read": "true"}})).await;
    assert_eq!(answer.status, 200, "{answer}");
}

async fn list_rules_have_to_have_an_exact_form_in_the_database(server: TestServer) {
    for text in [
        "doc.title.matches('a+')",
        "doc.a + 1 == 2",
        "doc.a == doc.b",
        "get(doc.collection, 'x').open",
        "doc.items.map(i, i.n) == [1]",
    ] {
        let answer = put(&server, &json!({"rules": {"list": text}})).await.problem(422, "invalid_definition");
        assert_eq!(answer.at("/errors/0/path"), "/rules/list", "{text}: {answer}");
        // What is decided in memory may use it.
        let answer = put(&server, &json!({"rules": {"get": "doc.a + 1 == 2"}})).await;
        assert!([200, 201].contains(&answer.status), "{answer}");
    }
}

async fn a_refused_definition_changes_nothing(server: TestServer) {
    let good = json!({"rules": {"read": "auth != null && has(doc.id)"}});
    server.define("things", &good).await;
    let before = server.owner().get("/v1/admin/collections/things").expect(200).await.body();
    let _ = put(&server, &json!({"rules": {"read": "nosuch"}})).await.problem(422, "invalid_definition");
    assert_eq!(server.owner().get("/v1/admin/collections/things").expect(200).await.body(), before);
}
