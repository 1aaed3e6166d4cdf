use basalt_testing::{Answer, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::define_notes;

on_both_engines! {
    it_says_what_the_rules_would_say,
    it_says_why_not_at_each_node,
    rules_can_be_tried_before_they_are_deployed,
    it_reads_what_look_ups_need,
    it_is_for_operators_only,
    bad_input_is_named,
}

async fn simulate(server: &TestServer, body: Value) -> Answer {
    server.owner().post("/v1/admin/rules/simulate").json(&body).send().await
}

async fn it_says_what_the_rules_would_say(server: TestServer) {
    define_notes(&server).await;
    let note = json!({"id": "n", "owner": "u1", "members": ["u2"]});
    for (op, user, allowed) in [
        ("get", "u1", true),
        ("get", "u2", true),
        ("get", "u3", false),
        ("list", "u2", true),
        ("list", "u3", false),
        ("delete", "u1", true),
        ("delete", "u2", false),
    ] {
        let body = json!({"collection": "notes", "op": op, "auth": {"id": user}, "doc": note});
        let answer = simulate(&server, body).await.expect(200);
        assert_eq!(answer.at("/allowed"), allowed, "{op} by {user}: {answer}");
    }
    let moved = json!({"id": "n", "owner": "u2"});
    let body = json!({"collection": "notes", "op": "update", "auth": {"id": "u1"}, "doc": note, "next": moved});
    assert_eq!(simulate(&server, body).await.expect(200).at("/allowed"), false);
    let body = json!({"collection": "notes", "op": "create", "auth": null, "next": {"owner": "u1"}});
    assert_eq!(simulate(&server, body).await.expect(200).at("/allowed"), false);
}

async fn it_says_why_not_at_each_node(server: TestServer) {
    define_notes(&server).await;
    let source = "auth.id == doc.owner || auth.id in doc.members";
    let body = json!({"collection": "notes", "op": "get", "auth": {"id": "u3"}, "doc": {"owner": "u1"}});
    let answer = simulate(&server, body).await.expect(200);
    let trace = answer.at("/trace");
    let trace = trace.as_array().expect("a trace");
    let node = |text: &str| {
        let at = source.find(text).unwrap_or_default();
        let found = trace.iter().find(|step| step["from"] == at && step["to"] == at + text.len());
        found.unwrap_or_else(|| panic!("no node {text:?}: {answer}"))
    };
    assert_eq!(node("auth.id == doc.owner")["value"], false);
    // The missing field is an error, which has no value but a reason.
    assert_eq!(node("auth.id in doc.members")["value"], Value::Null);
    assert!(node("auth.id in doc.members")["why"].as_str().is_some_and(|why| !why.is_empty()), "{answer}");
}

async fn rules_can_be_tried_before_they_are_deployed(server: TestServer) {
    define_notes(&server).await;
    let body = json!({
        "collection": "notes", "op": "get", "auth": null, "doc": {"public": true},
        "rules": {"get": "doc.public == true"},
    });
    assert_eq!(simulate(&server, body).await.expect(200).at("/allowed"), true);
    let body = json!({"collection": "notes", "op": "get", "auth": null, "doc": {}, "rules": {"get": "doc."}});
    let answer = simulate(&server, body).await;
    assert!([400, 422].contains(&answer.status), "{answer}");
    assert!(answer.at("/errors/0/line").as_u64() >= Some(1), "{answer}");
}

async fn it_reads_what_look_ups_need(server: TestServer) {
    server.define("rooms", &json!({})).await;
    let rules = json!({"get": "auth.id in get('rooms', doc.room).members"});
    server.define("messages", &json!({"rules": rules})).await;
    crate::support::create(server.service(), "rooms", json!({"id": "r", "members": ["u1"]})).await;
    for (user, allowed) in [("u1", true), ("u2", false)] {
        let body = json!({"collection": "messages", "op": "get", "auth": {"id": user}, "doc": {"room": "r"}});
        assert_eq!(simulate(&server, body).await.expect(200).at("/allowed"), allowed);
    }
}

async fn it_is_for_operators_only(server: TestServer) {
    define_notes(&server).await;
    let body = json!({"collection": "notes", "op": "get", "auth": null, "doc": {}});
    let ann = server.user("ann").await;
    server.visitor().post("/v1/admin/rules/simulate").json(&body).problem(401, "unauthenticated").await;
    ann.post("/v1/admin/rules/simulate").json(&body).problem(403, "forbidden").await;
    let key = server.key(&["documents:read"]).await;
    key.post("/v1/admin/rules/simulate").json(&body).problem(403, "scope_missing").await;
    let viewer = server.operator("viewer").await;
    viewer.post("/v1/admin/rules/simulate").json(&body).expect(200).await;
}

async fn bad_input_is_named(server: TestServer) {
    define_notes(&server).await;
    for body in [
        json!({}),
        json!({"collection": "notes", "op": "bogus", "auth": null, "doc": {}}),
        json!({"collection": "notes", "op": "get", "auth": null}),
        json!({"collection": "notes", "op": "get", "auth": null, "doc": 1}),
        json!({"collection": "notes", "op": "create", "auth": null, "doc": {}, "next": {}}),
        json!({"collection": "notes", "op": "get", "auth": null, "doc": {}, "bogus": 1}),
        json!({"collection": "nowhere", "op": "get", "auth": null, "doc": {}}),
    ] {
        let answer = simulate(&server, body.clone()).await;
        assert!([400, 404, 422].contains(&answer.status), "{body}: {answer}");
        answer.assert_is_problem();
    }
}
