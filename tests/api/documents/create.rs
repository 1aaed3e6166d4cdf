use basalt_testing::{TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{create, define_notes, define_open, document, documents, get, own_data};

on_both_engines! {
    the_answer_is_the_document_with_its_place_and_revision,
    a_visitor_is_asked_to_sign_in,
    another_owner_is_refused,
    an_id_may_be_chosen_and_is_taken_once,
    a_bad_id_is_refused,
    the_servers_fields_in_a_body_are_ignored,
    an_unknown_collection_is_not_found,
    system_collections_cannot_be_named,
    field_names_are_checked,
    a_schema_violation_names_every_path,
    too_deep_and_too_large_documents_are_refused,
    a_unique_value_is_taken_by_one_of_many_at_once,
    an_answer_that_may_not_be_read_is_id_and_revision,
    ids_sort_by_time,
    a_body_that_is_no_object_is_refused,
}

async fn the_answer_is_the_document_with_its_place_and_revision(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    let answer = ann.post(&documents("notes")).json(&json!({"owner": ann.id, "title": "One"})).expect(201).await;
    let body = answer.body();
    let id = answer.text_at("/id");
    assert_eq!(answer.header("location"), Some(document("notes", &id)));
    assert_eq!(answer.etag(), format!("\"{}\"", answer.text_at("/rev")));
    assert!(answer.header("basalt-seq").is_some(), "{answer}");
    assert_eq!(body["createdAt"], body["updatedAt"]);
    assert_eq!(own_data(&body), json!({"owner": ann.id, "title": "One"}));
    assert_eq!(get(&ann, "notes", &id).await, body);
}

async fn a_visitor_is_asked_to_sign_in(server: TestServer) {
    define_notes(&server).await;
    server.visitor().post(&documents("notes")).json(&json!({"owner": "x"})).problem(401, "unauthenticated").await;
}

async fn another_owner_is_refused(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    bob.post(&documents("notes")).json(&json!({"owner": ann.id})).problem(403, "rule_denied").await;
    bob.post(&documents("notes")).json(&json!({"title": "nobody's"})).problem(403, "rule_denied").await;
}

async fn an_id_may_be_chosen_and_is_taken_once(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let first = create(&ann, "notes", json!({"id": "n-1", "owner": ann.id})).await;
    assert_eq!(first["id"], "n-1");
    ann.post(&documents("notes")).json(&json!({"id": "n-1", "owner": ann.id})).problem(409, "document_exists").await;
    // Of a hidden document its id is no secret, its content is.
    let answer = bob.post(&documents("notes")).json(&json!({"id": "n-1", "owner": bob.id})).send().await;
    assert!(!answer.problem(409, "document_exists").text().contains(&ann.id));
    bob.post(&documents("notes")).json(&json!({"id": "n-1", "owner": ann.id})).problem(403, "rule_denied").await;
    assert_eq!(get(&ann, "notes", "n-1").await, first);
}

async fn a_bad_id_is_refused(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    for id in [json!(""), json!("a b"), json!("a/b"), json!("é"), json!("x".repeat(65)), json!(7), json!(null)] {
        let answer = service.post(&documents("open")).json(&json!({"id": id})).send().await;
        assert_eq!(answer.status, 400, "{id}: {answer}");
        answer.assert_is_problem();
    }
    create(service, "open", json!({"id": "x".repeat(64)})).await;
}

async fn the_servers_fields_in_a_body_are_ignored(server: TestServer) {
    define_open(&server).await;
    let body = json!({"rev": "mine", "createdAt": "1999-01-01T00:00:00.000Z", "updatedAt": 5, "a": 1});
    let made = create(server.service(), "open", body).await;
    assert_ne!(made["rev"], "mine");
    assert!(made["createdAt"].as_str().unwrap().starts_with("20"), "{made}");
    assert_eq!(made["updatedAt"], made["createdAt"]);
    assert_eq!(own_data(&made), json!({"a": 1}));
}

async fn an_unknown_collection_is_not_found(server: TestServer) {
    let ann = server.user("ann").await;
    for client in [&*ann, server.service()] {
        client.post(&documents("nowhere")).json(&json!({})).problem(404, "collection_not_found").await;
        client.get(&documents("nowhere")).problem(404, "collection_not_found").await;
        client.get(&document("nowhere", "x")).problem(404, "collection_not_found").await;
    }
}

async fn system_collections_cannot_be_named(server: TestServer) {
    let service = server.service();
    for name in ["_credentials", "_sessions", "_operators", "_keys", "%5Fcredentials", "_CREDENTIALS", "users%00"] {
        for answer in [
            service.get(&documents(name)).send().await,
            service.get(&document(name, "x")).send().await,
            service.post(&documents(name)).json(&json!({})).send().await,
        ] {
            assert!(answer.status == 404 || answer.status == 400, "{answer}");
            answer.assert_is_problem();
        }
    }
}

async fn field_names_are_checked(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    for (body, path) in [
        (json!({"_a": 1}), "/_a"),
        (json!({"$a": 1}), "/$a"),
        (json!({"a": [{"$b": 1}]}), "/a/0/$b"),
        (json!({"expand": 1}), "/expand"),
        (json!({"highlight": 1}), "/highlight"),
        (json!({"distance": 1}), "/distance"),
        (json!({"": 1}), "/"),
        (json!({"x".repeat(129): 1}), ""),
    ] {
        let answer = service.post(&documents("open")).json(&body).expect(400).await;
        answer.assert_is_problem();
        assert!(answer.text_at("/errors/0/path").starts_with(path), "{body}: {answer}");
    }
    let made = create(service, "open", json!({"foo-bar": 1, "é": {"_inner": 2}})).await;
    assert_eq!(own_data(&made), json!({"foo-bar": 1, "é": {"_inner": 2}}));
}

async fn a_schema_violation_names_every_path(server: TestServer) {
    let definition = json!({
        "schema": {
            "type": "object",
            "required": ["title"],
            "properties": {
                "title": {"type": "string"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "size": {"type": "object", "properties": {"width": {"type": "integer", "minimum": 1}}},
            },
        },
        "rules": {"read": "true", "create": "auth != null"},
    });
    server.define("pages", &definition).await;
    let ann = server.user("ann").await;
    let body = json!({"tags": ["a", 2], "size": {"width": 0}});
    let answer = ann.post(&documents("pages")).json(&body).problem(422, "schema_violation").await;
    let mut paths: Vec<Value> =
        answer.at("/errors").as_array().unwrap().iter().map(|error| error["path"].clone()).collect();
    paths.sort_by_key(ToString::to_string);
    assert_eq!(json!(paths), json!(["/size/width", "/tags/1", "/title"]), "{answer}");
    create(&ann, "pages", json!({"title": "t", "tags": ["a"], "size": {"width": 1}})).await;
}

async fn too_deep_and_too_large_documents_are_refused(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let json = "application/json";
    service.post(&documents("open")).body(json, nested(64)).expect(201).await;
    for depth in [65, 200, 100_000] {
        service.post(&documents("open")).body(json, nested(depth)).problem(400, "bad_json").await;
    }
    service.post(&documents("open")).json(&json!({"a": "x".repeat(1 << 20)})).problem(413, "too_large").await;
    service.post(&documents("open")).json(&json!({"a": "x".repeat(1_000_000)})).expect(201).await;
    service.post(&documents("open")).json(&json!({"a": "x".repeat(9 << 20)})).problem(413, "too_large").await;
}

async fn a_unique_value_is_taken_by_one_of_many_at_once(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    let tries = (0..50).map(|_| ann.post(&documents("notes")).json(&json!({"owner": ann.id, "slug": "one"})).send());
    let answers = join_all(tries).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1, "exactly one wins");
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        let _ = answer.problem(409, "unique_conflict");
    }
    // A document that lacks the field conflicts with none.
    create(&ann, "notes", json!({"owner": ann.id})).await;
    create(&ann, "notes", json!({"owner": ann.id, "slug": null})).await;
    create(&ann, "notes", json!({"owner": ann.id, "slug": null})).await;
}

async fn an_answer_that_may_not_be_read_is_id_and_revision(server: TestServer) {
    server.define("letters", &json!({"rules": {"create": "auth != null && next.to != ''"}})).await;
    let ann = server.user("ann").await;
    let answer = ann.post(&documents("letters")).json(&json!({"to": "bob", "text": "hush"})).expect(201).await;
    let mut names: Vec<String> = answer.body().as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["id", "rev"], "{answer}");
}

async fn ids_sort_by_time(server: TestServer) {
    define_open(&server).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(create(server.service(), "open", json!({"n": n})).await["id"].as_str().unwrap().to_owned());
    }
    assert!(ids.is_sorted(), "{ids:?}");
}

async fn a_body_that_is_no_object_is_refused(server: TestServer) {
    define_open(&server).await;
    for body in ["[]", "1", "\"x\"", "null", "true"] {
        let answer = server.service().post(&documents("open")).body("application/json", body).send().await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
        answer.assert_is_problem();
    }
}
