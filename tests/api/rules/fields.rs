//! Field rules: what a caller may not read is as if it weren't there, whatever the door.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{aggregate, create, document, documents, query};

on_both_engines! {
    an_unreadable_field_is_left_out_everywhere,
    an_unreadable_field_cannot_be_asked_about,
    a_field_rule_may_look_at_the_document,
    an_unwritable_field_cannot_be_changed,
    a_unique_conflict_on_a_hidden_field_is_neutral,
    hidden_fields_are_for_services_only,
    a_hidden_field_is_told_on_no_path,
}

async fn define(server: &TestServer) {
    server
        .define(
            "staff",
            &json!({
                "rules": {
                    "read": "auth != null && has(doc.name)",
                    "create": "auth != null && has(next.name)",
                    "update": "auth != null && has(next.name)",
                    "fields": {"salary": {"read": "'hr' in auth.roles", "write": "'hr' in auth.roles"}},
                },
            }),
        )
        .await;
    create(server.service(), "staff", json!({"id": "s1", "name": "Ann", "salary": 5000})).await;
    create(server.service(), "staff", json!({"id": "s2", "name": "Bob", "salary": 4000})).await;
}

async fn hr(server: &TestServer) -> basalt_testing::User {
    server.declare(&["hr"]).await;
    let hr = server.user("hr").await;
    server.owner().patch(&format!("/v1/admin/users/{}", hr.id)).json(&json!({"roles": ["hr"]})).expect(200).await;
    hr
}

async fn an_unreadable_field_is_left_out_everywhere(server: TestServer) {
    define(&server).await;
    let (eve, hr) = (server.user("eve").await, hr(&server).await);
    for (client, visible) in [(&*eve, false), (&*hr, true), (server.service(), true)] {
        let got = client.get(&document("staff", "s1")).expect(200).await;
        let selected = client.get(&document("staff", "s1")).query(&[("select", "salary")]).expect(200).await;
        let listed = client.get(&documents("staff")).expect(200).await;
        let queried = client.post(&query("staff")).json(&json!({"select": ["salary", "name"]})).expect(200).await;
        let patched = client.patch(&document("staff", "s1")).json(&json!({"seen": true})).expect(200).await;
        let patch = json!({"op": "patch", "collection": "staff", "id": "s1", "patch": {"seen": false}});
        let transacted = client.post("/v1/transactions").json(&json!({"operations": [patch]})).expect(200).await;
        for answer in [got, selected, listed, queried, patched, transacted] {
            assert_eq!(answer.text().contains("salary"), visible, "{answer}");
        }
    }
}

async fn an_unreadable_field_cannot_be_asked_about(server: TestServer) {
    define(&server).await;
    let (eve, hr) = (server.user("eve").await, hr(&server).await);
    for filter in [
        "salary > 4500",
        "name == 'x' || salary > 4500",
        "!(salary > 4500)",
        "has(doc.salary)",
        "doc['salary'] == 5000",
        "salary in [5000]",
        "doc.salary == doc.salary",
    ] {
        let answer = eve.get(&documents("staff")).query(&[("filter", filter)]).send().await;
        assert_eq!(answer.status, 400, "{filter}: {answer}");
        let body = json!({"filter": filter, "measures": {"n": {"count": true}}});
        let answer = eve.post(&aggregate("staff")).json(&body).send().await;
        assert_eq!(answer.status, 400, "{filter}: {answer}");
        let answer =
            eve.patch(&document("staff", "s1")).query(&[("where", filter)]).json(&json!({"a": 1})).send().await;
        assert!(answer.status == 400 || answer.code().as_deref() == Some("condition_failed"), "{filter}: {answer}");
    }
    // The condition of a write tells nothing: true and false look alike.
    let ask = async |condition: &str| {
        let call = eve.patch(&document("staff", "s1")).query(&[("where", condition)]);
        let answer = call.json(&json!({"a": 1})).send().await;
        (answer.status, answer.code())
    };
    assert_eq!(ask("doc.salary > 4500").await, ask("doc.salary > 5500").await);
    for body in [
        json!({"groupBy": ["salary"], "measures": {"n": {"count": true}}}),
        json!({"measures": {"n": {"max": "salary"}}}),
        json!({"measures": {"n": {"sum": "salary"}}}),
        json!({"measures": {"n": {"countDistinct": "salary"}}}),
    ] {
        let answer = eve.post(&aggregate("staff")).json(&body).send().await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
        hr.post(&aggregate("staff")).json(&body).expect(200).await;
    }
    let answer = eve.get(&documents("staff")).query(&[("sort", "salary")]).send().await;
    assert_eq!(answer.status, 400, "{answer}");
    let sorted = hr.get(&documents("staff")).query(&[("sort", "salary"), ("filter", "salary > 0")]).expect(200).await;
    assert_eq!(sorted.column("id"), ["s2", "s1"]);
}

async fn a_field_rule_may_look_at_the_document(server: TestServer) {
    server
        .define(
            "cards",
            &json!({
                "rules": {
                    "read": "auth != null && has(doc.owner)",
                    "fields": {"pin": {"read": "auth.id == doc.owner"}},
                },
            }),
        )
        .await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    create(server.service(), "cards", json!({"id": "a", "owner": ann.id, "pin": 1})).await;
    create(server.service(), "cards", json!({"id": "b", "owner": bob.id, "pin": 2})).await;
    let page = ann.get(&documents("cards")).query(&[("sort", "id")]).expect(200).await;
    assert_eq!(page.column("pin"), [json!(1), json!(null)]);
    assert!(page.items()[1].get("pin").is_none());
    let answer = ann.get(&documents("cards")).query(&[("filter", "pin == 2")]).send().await;
    assert_eq!(answer.status, 400, "{answer}");
}

async fn an_unwritable_field_cannot_be_changed(server: TestServer) {
    define(&server).await;
    let (eve, hr) = (server.user("eve").await, hr(&server).await);
    let path = document("staff", "s1");
    let json_patch = json!([{"op": "add", "path": "/salary", "value": 9}]).to_string();
    for answer in [
        eve.patch(&path).json(&json!({"salary": 9})).send().await,
        eve.patch(&path).json(&json!({"salary": {"$increment": 1}})).send().await,
        eve.patch(&path).json(&json!({"salary": null})).send().await,
        eve.patch(&path).json(&json!({"salary": {"$unset": true}})).send().await,
        eve.patch(&path).body("application/json-patch+json", json_patch).send().await,
        eve.put(&path).json(&json!({"name": "Ann", "salary": 9})).send().await,
        eve.post(&documents("staff")).json(&json!({"name": "Eve", "salary": 9})).send().await,
    ] {
        let _ = answer.problem(403, "rule_denied");
    }
    // What he doesn't see he can't leave out either: a PUT keeps it.
    eve.put(&path).json(&json!({"name": "Ann"})).expect(200).await;
    assert_eq!(server.service().get(&path).expect(200).await.at("/salary"), 5000);
    eve.patch(&path).json(&json!({"name": "Anna"})).expect(200).await;
    eve.post(&documents("staff")).json(&json!({"name": "Eve"})).expect(201).await;
    hr.patch(&path).json(&json!({"salary": 6000})).expect(200).await;
    assert_eq!(server.service().get(&path).expect(200).await.at("/salary"), 6000);
}

async fn a_unique_conflict_on_a_hidden_field_is_neutral(server: TestServer) {
    server
        .define(
            "people",
            &json!({
                "indexes": [{"fields": ["ssn"], "unique": true}],
                "rules": {"read": "auth.id == doc.owner", "create": "auth.id == next.owner"},
            }),
        )
        .await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(&ann, "people", json!({"id": "a1", "owner": ann.id, "ssn": "123"})).await;
    let answer = eve.post(&documents("people")).json(&json!({"owner": eve.id, "ssn": "123"})).send().await;
    let answer = answer.problem(409, "unique_conflict");
    assert!(!answer.text().contains("a1") && !answer.text().contains(&ann.id), "{answer}");
}

async fn hidden_fields_are_for_services_only(server: TestServer) {
    server.define("devices", &json!({"hidden": ["token"], "rules": {"read": "auth != null && has(doc.name)"}})).await;
    create(server.service(), "devices", json!({"id": "d", "name": "phone", "token": "t"})).await;
    let ann = server.user("ann").await;
    assert!(!ann.get(&document("devices", "d")).expect(200).await.text().contains("token"));
    assert!(!ann.get(&documents("devices")).expect(200).await.text().contains("token"));
    let answer = ann.get(&documents("devices")).query(&[("filter", "token == 't'")]).send().await;
    assert_eq!(answer.status, 400, "{answer}");
    assert_eq!(server.service().get(&document("devices", "d")).expect(200).await.at("/token"), "t");
}

async fn a_hidden_field_is_told_on_no_path(server: TestServer) {
    let definition = json!({
        "hidden": ["token"], "search": ["name", "token"], "history": true, "rules": {"read": "true"},
        "indexes": [{"fields": ["token"]}],
    });
    server.define("devices", &definition).await;
    server.define("uses", &json!({"references": {"device": "devices"}, "rules": {"read": "true"}})).await;
    let service = server.service();
    create(service, "devices", json!({"id": "d", "name": "phone", "token": "sesame"})).await;
    service.patch(&document("devices", "d")).json(&json!({"name": "old phone"})).expect(200).await;
    create(service, "uses", json!({"id": "u", "device": "d"})).await;
    let paths = [
        "/v1/collections/devices/export".to_owned(),
        format!("{}/history", document("devices", "d")),
        format!("{}?search=phone", documents("devices")),
        format!("{}?expand=device", document("uses", "u")),
        format!("{}?select=device.token", document("uses", "u")),
        format!("{}?select=id,token", documents("devices")),
    ];
    let ann = server.user("ann").await;
    for client in [&server.visitor(), &*ann] {
        for path in &paths {
            let answer = client.get(path).expect(200).await;
            assert!(answer.text().contains("\"d\""), "{answer}");
            assert!(!answer.text().contains("sesame") && !answer.text().contains("token"), "{answer}");
        }
        let found = client.get(&documents("devices")).query(&[("search", "sesame")]).expect(200).await;
        assert!(found.items().is_empty(), "{found}");
        client.get(&documents("devices")).query(&[("sort", "token")]).problem(400, "bad_filter").await;
        let grouped = json!({"groupBy": ["token"], "measures": {"n": {"count": true}}});
        client.post(&aggregate("devices")).json(&grouped).problem(400, "bad_filter").await;
        let export = client.get("/v1/collections/devices/export").query(&[("filter", "token == 'sesame'")]);
        export.problem(400, "bad_filter").await;
        assert!([401, 403].contains(&client.get("/v1/changes").send().await.status), "the feed is for services");
        let mut socket = client.socket().await;
        let subscribe = |more: serde_json::Value| {
            let mut frame = json!({"type": "subscribe", "id": "s", "collection": "devices"});
            frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            frame
        };
        for asks in [json!({"filter": "token == 'sesame'"}), json!({"sort": "token"})] {
            socket.send(&subscribe(asks)).await;
            assert_eq!(socket.next().await["code"], "bad_filter");
        }
        socket.send(&subscribe(json!({}))).await;
        let snapshot = socket.next().await;
        assert!(snapshot["docs"][0]["id"] == "d" && !snapshot.to_string().contains("sesame"), "{snapshot}");
    }
    for path in &paths[..2] {
        assert!(service.get(path).expect(200).await.text().contains("sesame"), "services see it");
    }
}
