use std::time::Duration;

use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, document, get};

on_both_engines! {
    it_tells_what_a_document_was_newest_first,
    a_visitor_and_a_stranger_learn_nothing,
    who_reads_the_document_reads_its_history,
    fields_are_masked_version_by_version,
    a_deleted_document_has_a_history_for_services_alone,
    it_pages,
    restoring_is_an_ordinary_write,
    who_may_not_write_restores_nothing,
    it_begins_when_the_collection_opts_in,
    old_versions_end_when_the_collection_says_so,
    a_dropped_collection_leaves_nothing_to_its_namesake,
    bad_options_and_parameters_are_refused,
}

fn history(id: &str) -> String {
    format!("{}/history", document("pages", id))
}

fn restore(id: &str, seq: &str) -> String {
    format!("{}/{seq}/restore", history(id))
}

fn definition(more: &Value) -> Value {
    let mut definition = json!({
        "history": true,
        "rules": {
            "read": "auth.id == doc.owner || auth.id in doc.members", "create": "auth.id == next.owner",
            "update": "auth.id == doc.owner", "delete": "auth.id == doc.owner",
        },
    });
    definition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    definition
}

async fn define(server: &TestServer) {
    server.define("pages", &definition(&json!({}))).await;
}

async fn versions(client: &Client, id: &str) -> Vec<Value> {
    client.get(&history(id)).expect(200).await.items()
}

async fn it_tells_what_a_document_was_newest_first(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    let made = create(&ann, "pages", json!({"id": "p", "owner": ann.id, "text": "one"})).await;
    let answer = ann.patch(&document("pages", "p")).json(&json!({"text": "two"})).expect(200).await;
    let all = versions(&ann, "p").await;
    let ops: Vec<&Value> = all.iter().map(|version| &version["op"]).collect();
    assert_eq!(ops, ["update", "create"]);
    assert_eq!(all[0]["document"], answer.body());
    assert_eq!(all[1]["document"], made);
    assert_eq!(json!(answer.header("basalt-seq")), all[0]["seq"]);
    assert_eq!(all[0]["at"], answer.body()["updatedAt"]);
    assert_eq!(all[0]["actor"], json!({"type": "user", "id": ann.id}));
    create(&ann, "pages", json!({"id": "q", "owner": ann.id})).await;
    assert_eq!(versions(&ann, "q").await.len(), 1);
}

async fn a_visitor_and_a_stranger_learn_nothing(server: TestServer) {
    define(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(&ann, "pages", json!({"id": "p", "owner": ann.id})).await;
    for client in [&server.visitor(), &*eve] {
        client.get(&history("p")).problem(404, "document_not_found").await;
        client.get(&history("missing")).problem(404, "document_not_found").await;
    }
    let narrow = server.key(&["documents:read:others"]).await;
    narrow.get(&history("p")).problem(403, "scope_missing").await;
}

async fn who_reads_the_document_reads_its_history(server: TestServer) {
    define(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    create(&ann, "pages", json!({"id": "p", "owner": ann.id, "members": [bob.id]})).await;
    ann.patch(&document("pages", "p")).json(&json!({"text": "two"})).expect(200).await;
    let seen = versions(&bob, "p").await;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0]["actor"], json!({"type": "user", "id": null}), "who it was is not told");
    assert_eq!(versions(server.service(), "p").await[0]["actor"]["id"], json!(ann.id));
    ann.patch(&document("pages", "p")).json(&json!({"members": []})).expect(200).await;
    bob.get(&history("p")).problem(404, "document_not_found").await;
}

async fn fields_are_masked_version_by_version(server: TestServer) {
    let rules = json!({"rules": {
        "read": "auth != null", "write": "auth != null", "fields": {"grade": {"read": "doc.public == true"}},
    }});
    server.define("pages", &definition(&rules)).await;
    let ann = server.user("ann").await;
    let service = server.service();
    create(service, "pages", json!({"id": "p", "public": false, "grade": 1})).await;
    service.patch(&document("pages", "p")).json(&json!({"public": true, "grade": 2})).expect(200).await;
    let seen = versions(&ann, "p").await;
    assert_eq!(seen[0]["document"]["grade"], 2);
    assert!(seen[1]["document"].get("grade").is_none(), "{}", seen[1]);
    assert_eq!(versions(service, "p").await[1]["document"]["grade"], 1);
}

async fn a_deleted_document_has_a_history_for_services_alone(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "pages", json!({"id": "p", "owner": ann.id, "text": "kept"})).await;
    ann.delete(&document("pages", "p")).expect(204).await;
    ann.get(&history("p")).problem(404, "document_not_found").await;
    let all = versions(server.service(), "p").await;
    assert_eq!((&all[0]["op"], &all[0]["document"]), (&json!("delete"), &Value::Null));
    let (end, seq) = (all[0]["seq"].as_str().unwrap(), all[1]["seq"].as_str().unwrap());
    server.service().post(&restore("p", end)).problem(400, "bad_request").await;
    ann.post(&restore("p", seq)).problem(404, "document_not_found").await;
    let back = server.service().post(&restore("p", seq)).expect(201).await;
    assert_eq!(back.body()["text"], "kept");
    assert_eq!(versions(&ann, "p").await.len(), 3);
}

async fn it_pages(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "pages", json!({"id": "p", "owner": ann.id, "n": 0})).await;
    for n in 1..5 {
        ann.patch(&document("pages", "p")).json(&json!({"n": n})).expect(200).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut pairs = vec![("limit", "2")];
        let text = cursor.as_str().map(str::to_owned);
        pairs.extend(text.as_deref().map(|text| ("cursor", text)));
        let page = ann.get(&history("p")).query(&pairs).expect(200).await;
        seen.extend(page.items().iter().map(|version| version["document"]["n"].clone()));
        cursor = page.at("/nextCursor");
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
}

async fn restoring_is_an_ordinary_write(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "pages", json!({"id": "p", "owner": ann.id, "text": "one"})).await;
    ann.patch(&document("pages", "p")).json(&json!({"text": "two", "more": 1})).expect(200).await;
    let seq = versions(&ann, "p").await[1]["seq"].as_str().unwrap().to_owned();
    let back = ann.post(&restore("p", &seq)).expect(200).await;
    assert!(back.header("basalt-seq").is_some() && back.header("etag").is_some(), "{back}");
    assert_eq!(get(&ann, "pages", "p").await, back.body());
    assert_eq!(back.body()["text"], "one");
    assert!(back.body().get("more").is_none(), "{back}");
    assert_eq!(versions(&ann, "p").await.len(), 3);
    let stale = ann.post(&restore("p", &seq)).header("If-Match", "\"other\"");
    stale.problem(412, "precondition_failed").await;
    for missing in ["0000000000000000", "ffff", "x"] {
        ann.post(&restore("p", missing)).problem(404, "document_not_found").await;
    }
    create(&ann, "pages", json!({"id": "q", "owner": ann.id})).await;
    ann.post(&restore("q", &seq)).problem(404, "document_not_found").await;
    let schema = json!({"schema": {"properties": {"text": {"type": "string", "pattern": "^t"}}}});
    server.define("pages", &definition(&schema)).await;
    ann.post(&restore("p", &seq)).problem(422, "schema_violation").await;
}

async fn who_may_not_write_restores_nothing(server: TestServer) {
    define(&server).await;
    let (ann, bob, eve) = (server.user("ann").await, server.user("bob").await, server.user("eve").await);
    create(&ann, "pages", json!({"id": "p", "owner": ann.id, "members": [bob.id]})).await;
    let seq = versions(&ann, "p").await[0]["seq"].as_str().unwrap().to_owned();
    bob.post(&restore("p", &seq)).problem(403, "rule_denied").await;
    eve.post(&restore("p", &seq)).problem(404, "document_not_found").await;
    server.visitor().post(&restore("p", &seq)).problem(404, "document_not_found").await;
    let reader = server.key(&["documents:read:pages"]).await;
    reader.post(&restore("p", &seq)).problem(403, "scope_missing").await;
}

async fn it_begins_when_the_collection_opts_in(server: TestServer) {
    server.define("pages", &definition(&json!({"history": false}))).await;
    let ann = server.user("ann").await;
    create(&ann, "pages", json!({"id": "p", "owner": ann.id})).await;
    ann.get(&history("p")).problem(400, "bad_request").await;
    server.rooms().documents.follow_history().await.unwrap();
    define(&server).await;
    assert!(versions(&ann, "p").await.is_empty());
    ann.patch(&document("pages", "p")).json(&json!({"text": "two"})).expect(200).await;
    assert_eq!(versions(&ann, "p").await.len(), 1);
}

async fn old_versions_end_when_the_collection_says_so(server: TestServer) {
    server.define("pages", &definition(&json!({"history": {"keep": "30d"}}))).await;
    let service = server.service();
    create(service, "pages", json!({"id": "p", "n": 1})).await;
    assert_eq!(versions(service, "p").await.len(), 1);
    server.clock().advance(Duration::from_hours(24 * 29));
    service.patch(&document("pages", "p")).json(&json!({"n": 2})).expect(200).await;
    assert_eq!(versions(service, "p").await.len(), 2);
    server.clock().advance(Duration::from_hours(48));
    server.rooms().documents.sweep_history().await.unwrap();
    let left = versions(service, "p").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["document"]["n"], 2);
}

async fn a_dropped_collection_leaves_nothing_to_its_namesake(server: TestServer) {
    define(&server).await;
    let service = server.service();
    create(service, "pages", json!({"id": "p", "secret": 1})).await;
    assert_eq!(versions(service, "p").await.len(), 1);
    server.owner().delete("/v1/admin/collections/pages").query(&[("confirm", "pages")]).expect(204).await;
    define(&server).await;
    create(service, "pages", json!({"id": "p"})).await;
    let left = versions(service, "p").await;
    assert_eq!(left.len(), 1);
    assert!(left[0]["document"].get("secret").is_none());
    assert!(server.rooms().documents.sweep_history().await.unwrap() >= 1);
}

async fn bad_options_and_parameters_are_refused(server: TestServer) {
    for history in [json!("yes"), json!({"keep": "long"}), json!({"keep": "0d"}), json!({"count": 3})] {
        let put = server.owner().put("/v1/admin/collections/pages").json(&json!({"history": history}));
        assert!([400, 422].contains(&put.send().await.status), "{history}");
    }
    define(&server).await;
    let service = server.service();
    create(service, "pages", json!({"id": "p"})).await;
    for (name, value, code) in [
        ("limit", "0", "bad_parameter"),
        ("limit", "501", "bad_parameter"),
        ("cursor", "x", "bad_cursor"),
        ("since", "0", "unknown_parameter"),
    ] {
        service.get(&history("p")).query(&[(name, value)]).problem(400, code).await;
    }
}
