//! `get()` and `exists()` in rules.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, document, documents};

on_both_engines! {
    membership_kept_elsewhere_decides,
    lists_ask_by_an_id_taken_from_the_document,
    a_look_up_sees_what_the_transaction_wrote_before,
    a_look_up_of_nothing_is_an_error_and_denies,
}

async fn define_rooms(server: &TestServer) {
    server.define("rooms", &json!({})).await;
    server.define("members", &json!({})).await;
    server
        .define(
            "messages",
            &json!({
                "indexes": [{"fields": ["room"]}],
                "rules": {
                    "read": "exists('members', doc.room + '_' + auth.id)",
                    "create": "auth.id in get('rooms', next.room).members",
                },
            }),
        )
        .await;
}

async fn membership_kept_elsewhere_decides(server: TestServer) {
    define_rooms(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(server.service(), "rooms", json!({"id": "r1", "members": [ann.id]})).await;
    create(server.service(), "members", json!({"id": format!("r1_{}", ann.id)})).await;
    let made = create(&ann, "messages", json!({"id": "m1", "room": "r1", "text": "hello"})).await;
    assert_eq!(made["text"], "hello");
    eve.post(&documents("messages")).json(&json!({"room": "r1"})).problem(403, "rule_denied").await;
    ann.get(&document("messages", "m1")).expect(200).await;
    eve.get(&document("messages", "m1")).problem(404, "document_not_found").await;
    server.service().delete(&document("members", &format!("r1_{}", ann.id))).expect(204).await;
    ann.get(&document("messages", "m1")).problem(404, "document_not_found").await;
}

async fn lists_ask_by_an_id_taken_from_the_document(server: TestServer) {
    define_rooms(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    for room in ["r1", "r2", "r3"] {
        for n in 0..3 {
            create(server.service(), "messages", json!({"id": format!("{room}-{n}"), "room": room})).await;
        }
    }
    for room in ["r1", "r3"] {
        create(server.service(), "members", json!({"id": format!("{room}_{}", ann.id)})).await;
    }
    let page = ann.get(&documents("messages")).query(&[("sort", "id"), ("count", "exact")]).expect(200).await;
    assert_eq!(page.column("id"), ["r1-0", "r1-1", "r1-2", "r3-0", "r3-1", "r3-2"]);
    assert_eq!(page.at("/total"), 6);
    assert!(eve.get(&documents("messages")).expect(200).await.items().is_empty());
    assert!(server.visitor().get(&documents("messages")).expect(200).await.items().is_empty());
}

async fn a_look_up_sees_what_the_transaction_wrote_before(server: TestServer) {
    server.define("teams", &json!({"rules": {"create": "auth.id in next.members"}})).await;
    server.define("tasks", &json!({"rules": {"create": "auth.id in get('teams', next.team).members"}})).await;
    let ann = server.user("ann").await;
    let task = json!({"op": "create", "collection": "tasks", "data": {"team": "t"}});
    let team = json!({"op": "create", "collection": "teams", "id": "t", "data": {"members": [ann.id]}});
    let run = |operations| ann.post("/v1/transactions").json(&operations);
    run(json!({"operations": [task, team]})).problem(403, "rule_denied").await;
    run(json!({"operations": [team, task]})).expect(200).await;
}

async fn a_look_up_of_nothing_is_an_error_and_denies(server: TestServer) {
    server.define("teams", &json!({})).await;
    server
        .define(
            "tasks",
            &json!({"rules": {
                "create": "!(get('teams', next.team).closed == true)",
                "read": "auth != null && !exists('teams', doc.team)",
            }}),
        )
        .await;
    let ann = server.user("ann").await;
    ann.post(&documents("tasks")).json(&json!({"team": "nosuch"})).problem(403, "rule_denied").await;
    ann.post(&documents("tasks")).json(&json!({})).problem(403, "rule_denied").await;
    create(server.service(), "teams", json!({"id": "t", "closed": false})).await;
    ann.post(&documents("tasks")).json(&json!({"team": "t"})).expect(201).await;
    assert!(ann.get(&documents("tasks")).expect(200).await.items().is_empty());
}
