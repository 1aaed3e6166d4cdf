use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{aggregate, define_notes, define_open, document, documents, get};

on_both_engines! {
    the_second_call_gets_the_first_answer,
    every_kind_of_write_takes_a_key,
    another_body_path_or_method_is_refused,
    another_caller_has_keys_of_his_own,
    a_refusal_is_not_kept,
    a_key_is_forgotten_after_a_day,
    many_at_once_have_one_effect,
    visitors_may_not_use_it,
    a_malformed_key_is_refused,
    sign_in_ignores_it,
    a_replay_shows_only_what_the_caller_may_still_read,
}

async fn the_second_call_gets_the_first_answer(server: TestServer) {
    define_open(&server).await;
    let call = || {
        let call = server.service().post(&documents("open")).header("Idempotency-Key", "k-1");
        call.json(&json!({"n": 1}))
    };
    let first = call().expect(201).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let second = call().expect(201).await;
    assert_eq!(second.header("idempotency-replayed").as_deref(), Some("true"));
    assert_eq!(second.body(), first.body());
    assert_eq!((second.header("location"), second.etag()), (first.header("location"), first.etag()));
    let body = json!({"measures": {"n": {"count": true}}});
    let counted = server.service().post(&aggregate("open")).json(&body).expect(200).await;
    assert_eq!(counted.at("/items/0/n"), 1);
}

async fn every_kind_of_write_takes_a_key(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    let path = document("open", "a");
    let keyed = |key: &str| service.with_header("Idempotency-Key", key);
    for replayed in [false, true] {
        let put = keyed("put").put(&path).json(&json!({"n": 1})).expect(201).await;
        let patched = keyed("patch").patch(&path).json(&json!({"n": {"$increment": 1}})).expect(200).await;
        let body = json!({"operations": [{"op": "patch", "collection": "open", "id": "a",
            "patch": {"n": {"$increment": 10}}}]});
        let transaction = keyed("transaction").post("/v1/transactions").json(&body).expect(200).await;
        for answer in [put, patched, transaction] {
            assert_eq!(answer.header("idempotency-replayed").is_some(), replayed, "{answer}");
        }
    }
    assert_eq!(get(service, "open", "a").await["n"], 12);
    for replayed in [false, true] {
        let answer = keyed("delete").delete(&path).expect(204).await;
        assert_eq!(answer.header("idempotency-replayed").is_some(), replayed, "{answer}");
    }
}

async fn another_body_path_or_method_is_refused(server: TestServer) {
    define_open(&server).await;
    let keyed = server.service().with_header("Idempotency-Key", "k");
    keyed.put(&document("open", "a")).json(&json!({"n": 1})).expect(201).await;
    keyed.put(&document("open", "a")).json(&json!({"n": 2})).problem(422, "idempotency_key_reused").await;
    keyed.put(&document("open", "b")).json(&json!({"n": 1})).problem(422, "idempotency_key_reused").await;
    keyed.patch(&document("open", "a")).json(&json!({"n": 1})).problem(422, "idempotency_key_reused").await;
}

async fn another_caller_has_keys_of_his_own(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    for user in [&ann, &bob] {
        let call = user.post(&documents("notes")).header("Idempotency-Key", "k").json(&json!({"owner": user.id}));
        let answer = call.expect(201).await;
        assert_eq!(answer.header("idempotency-replayed"), None);
        assert_eq!(answer.at("/owner"), json!(user.id));
    }
}

async fn a_refusal_is_not_kept(server: TestServer) {
    define_open(&server).await;
    let keyed = server.service().with_header("Idempotency-Key", "k");
    keyed.patch(&document("open", "a")).json(&json!({"n": 1})).problem(404, "document_not_found").await;
    server.service().put(&document("open", "a")).json(&json!({})).expect(201).await;
    keyed.patch(&document("open", "a")).json(&json!({"n": 1})).expect(200).await;
}

async fn a_key_is_forgotten_after_a_day(server: TestServer) {
    define_open(&server).await;
    let call = || {
        let call = server.service().post(&documents("open")).header("Idempotency-Key", "k");
        call.json(&json!({}))
    };
    let first = call().expect(201).await;
    server.clock().advance(Duration::from_hours(23));
    assert_eq!(call().expect(201).await.at("/id"), first.at("/id"));
    server.clock().advance(Duration::from_hours(2));
    assert_ne!(call().expect(201).await.at("/id"), first.at("/id"));
}

async fn many_at_once_have_one_effect(server: TestServer) {
    define_open(&server).await;
    server.service().put(&document("open", "a")).json(&json!({"n": 0})).expect(201).await;
    let keyed = server.service().with_header("Idempotency-Key", "k");
    let calls = (0..30).map(|_| keyed.patch(&document("open", "a")).json(&json!({"n": {"$increment": 1}})).send());
    for answer in join_all(calls).await {
        assert!(answer.status == 200 || answer.code().as_deref() == Some("idempotency_in_progress"), "{answer}");
    }
    assert_eq!(get(server.service(), "open", "a").await["n"], 1);
}

async fn visitors_may_not_use_it(server: TestServer) {
    define_open(&server).await;
    let call = server.visitor().post(&documents("open")).header("Idempotency-Key", "k").json(&json!({}));
    let answer = call.expect(400).await;
    answer.assert_is_problem();
}

async fn a_malformed_key_is_refused(server: TestServer) {
    define_open(&server).await;
    for key in ["", " ", "a b", &"x".repeat(129)] {
        let call = server.service().post(&documents("open")).header("Idempotency-Key", key).json(&json!({}));
        let answer = call.send().await;
        assert_eq!(answer.status, 400, "{key:?}: {answer}");
        answer.assert_is_problem();
    }
    let call = server.service().post(&documents("open")).header("Idempotency-Key", &"x".repeat(128)).json(&json!({}));
    call.expect(201).await;
}

async fn sign_in_ignores_it(server: TestServer) {
    let ann = server.user("ann").await;
    let call = || {
        let call = ann.post("/v1/auth/login").header("Idempotency-Key", "k");
        call.json(&json!({"email": ann.email, "password": ann.password}))
    };
    let (first, second) = (call().expect(200).await, call().expect(200).await);
    assert_eq!(second.header("idempotency-replayed"), None);
    assert_ne!(first.at("/session/refreshToken"), second.at("/session/refreshToken"));
}

async fn a_replay_shows_only_what_the_caller_may_still_read(server: TestServer) {
    server
        .define(
            "rooms",
            &json!({"rules": {
                "read": "auth.id in doc.members",
                "create": "auth.id in next.members",
            }}),
        )
        .await;
    let ann = server.user("ann").await;
    let call = || {
        let call = ann.post(&documents("rooms")).header("Idempotency-Key", "k");
        call.json(&json!({"id": "r", "members": [ann.id], "topic": "old"}))
    };
    call().expect(201).await;
    let body = json!({"members": [], "topic": "secret"});
    server.service().patch(&document("rooms", "r")).json(&body).expect(200).await;
    let answer = call().expect(201).await;
    assert!(!answer.text().contains("secret"), "{answer}");
    assert_eq!(answer.at("/id"), "r");
}
