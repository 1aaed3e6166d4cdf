use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, define_notes, define_open, document, get, own_data};

on_both_engines! {
    it_merges_as_rfc_7396_says,
    a_missing_document_is_not_created_unless_asked,
    upsert_needs_the_create_rule,
    a_stranger_finds_nothing,
    a_visitor_changes_nothing,
    the_schema_holds_for_the_result,
    an_empty_patch_is_a_write_like_others,
    another_content_type_is_refused,
}

async fn it_merges_as_rfc_7396_says(server: TestServer) {
    define_open(&server).await;
    // The examples of the RFC's appendix that begin and end with an object.
    for (target, patch, result) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ] {
        let made = create(server.service(), "open", target.clone()).await;
        let path = document("open", made["id"].as_str().unwrap());
        for content_type in ["application/merge-patch+json", "application/json"] {
            server.service().put(&path).json(&target).expect(200).await;
            let call = server.service().patch(&path).body(content_type, patch.to_string());
            let answer = call.expect(200).await;
            assert_eq!(own_data(&answer.body()), result, "{target} + {patch}");
        }
    }
}

async fn a_missing_document_is_not_created_unless_asked(server: TestServer) {
    define_open(&server).await;
    let path = document("open", "a");
    server.service().patch(&path).json(&json!({"n": 1})).problem(404, "document_not_found").await;
    let upsert = || server.service().patch(&path).query(&[("upsert", "true")]).json(&json!({"n": {"$increment": 2}}));
    assert_eq!(upsert().expect(201).await.at("/n"), 2);
    assert_eq!(upsert().expect(200).await.at("/n"), 4);
}

async fn upsert_needs_the_create_rule(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let upsert = |id: &str| bob.patch(&document("notes", id)).query(&[("upsert", "true")]);
    upsert("n1").json(&json!({"owner": ann.id})).problem(403, "rule_denied").await;
    upsert("n1").json(&json!({"owner": bob.id})).expect(201).await;
    create(&ann, "notes", json!({"id": "n2", "owner": ann.id})).await;
    let answer = upsert("n2").json(&json!({"owner": bob.id})).send().await;
    assert!([403, 404, 409].contains(&answer.status), "{answer}");
    assert_eq!(get(&ann, "notes", "n2").await["owner"], json!(ann.id));
}

async fn a_stranger_finds_nothing(server: TestServer) {
    define_notes(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    eve.patch(&document("notes", "n1")).json(&json!({"owner": eve.id})).problem(404, "document_not_found").await;
    eve.patch(&document("notes", "n1")).json(&json!({"members": [eve.id]})).problem(404, "document_not_found").await;
    eve.get(&document("notes", "n1")).problem(404, "document_not_found").await;
}

async fn a_visitor_changes_nothing(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    let made = create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    let answer = server.visitor().patch(&document("notes", "n1")).json(&json!({"title": "x"})).send().await;
    assert!([401, 404].contains(&answer.status), "{answer}");
    server.define("board", &json!({"rules": {"read": "true", "update": "auth != null && doc.n >= 0"}})).await;
    create(server.service(), "board", json!({"id": "b", "n": 1})).await;
    server.visitor().patch(&document("board", "b")).json(&json!({"n": 2})).problem(401, "unauthenticated").await;
    assert_eq!(get(&ann, "notes", "n1").await, made);
}

async fn the_schema_holds_for_the_result(server: TestServer) {
    let definition = json!({
        "schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "maximum": 10}}},
        "rules": {},
    });
    server.define("limited", &definition).await;
    let service = server.service();
    create(service, "limited", json!({"id": "a", "n": 9})).await;
    for patch in
        [json!({"n": "x"}), json!({"n": null}), json!({"n": {"$increment": 2}}), json!({"n": {"$unset": true}})]
    {
        service.patch(&document("limited", "a")).json(&patch).problem(422, "schema_violation").await;
    }
    service.patch(&document("limited", "a")).json(&json!({"n": {"$increment": 1}})).expect(200).await;
}

async fn an_empty_patch_is_a_write_like_others(server: TestServer) {
    define_open(&server).await;
    let made = create(server.service(), "open", json!({"id": "a", "n": 1})).await;
    let answer = server.service().patch(&document("open", "a")).json(&json!({})).expect(200).await;
    assert_eq!(own_data(&answer.body()), own_data(&made));
    assert_eq!(answer.etag(), format!("\"{}\"", answer.text_at("/rev")));
}

async fn another_content_type_is_refused(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "a"})).await;
    let call = server.service().patch(&document("open", "a")).body("text/plain", "{}");
    call.problem(415, "unsupported_media_type").await;
    let call = server.service().put(&document("open", "a")).body("application/x-www-form-urlencoded", "a=1");
    call.problem(415, "unsupported_media_type").await;
}
