use std::time::Duration;

use basalt_data::documents::{WriteKind, WriteOptions};
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn a_key_has_one_effect_and_one_answer() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let body = || object(json!({"n": 1}));
        let first = world.documents.create(&user, &name("notes"), body(), keyed("k", 1)).await.unwrap();
        world.patch(&user, "notes", first.id.as_str(), json!({"n": 2})).await.unwrap();
        let again = world.documents.create(&user, &name("notes"), body(), keyed("k", 1)).await.unwrap();
        assert!(again.replayed && !first.replayed);
        assert_eq!((again.kind, &again.id, &again.rev, &again.body), (first.kind, &first.id, &first.rev, &first.body));
        assert!(again.seq >= first.seq, "the write is contained there");
        let other = world.documents.create(&user, &name("notes"), body(), keyed("k", 2)).await;
        assert_eq!(refusal(other), "422 idempotency_key_reused");
        let stranger = world.documents.create(&user_with("u2", &[]), &name("notes"), body(), keyed("k", 1)).await;
        assert_ne!(stranger.unwrap().id, first.id, "keys belong to their caller");
        assert_eq!(world.log_length().await, 3);
    })
    .await;
}

#[tokio::test]
async fn every_write_may_carry_a_key() {
    both(json!({"notes": open()}), |world| async move {
        let key = service();
        for _ in 0..2 {
            world.put_with(&key, "notes", "a", json!({"n": 1}), keyed("put", 1)).await.unwrap();
        }
        for _ in 0..2 {
            let patch = json!({"n": {"$increment": 1}});
            let patched = world.patch_with(&key, "notes", "a", patch, keyed("patch", 1)).await.unwrap();
            assert_eq!(patched.body.unwrap().into_flat()["n"], 2);
        }
        for _ in 0..2 {
            let deleted = world.documents.delete(&key, &name("notes"), &id_of("a"), keyed("delete", 1)).await;
            assert_eq!(deleted.unwrap().kind, WriteKind::Deleted);
        }
        let operations = || object(json!({"operations": [{"op": "create", "collection": "notes", "data": {}}]}));
        let first = world.documents.transaction(&key, operations(), Some(idempotency("t", 1))).await.unwrap();
        let again = world.documents.transaction(&key, operations(), Some(idempotency("t", 1))).await.unwrap();
        assert_eq!(first.results, again.results);
        assert!(again.replayed && again.seq >= first.seq);
        assert_eq!(world.log_length().await, 4);
    })
    .await;
}

#[tokio::test]
async fn failures_are_not_kept_and_visitors_have_no_keys() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let patch = || json!({"n": {"$increment": 1}});
        let missing = world.patch_with(&user, "notes", "a", patch(), keyed("k", 1)).await;
        assert_eq!(refusal(missing), "404 document_not_found");
        world.seed("notes", "a", json!({"n": 1})).await;
        assert!(!world.patch_with(&user, "notes", "a", patch(), keyed("k", 1)).await.unwrap().replayed);
        let visiting = world.put_with(&visitor(), "notes", "b", json!({}), keyed("k", 1)).await;
        assert_eq!(refusal(visiting), "400 bad_request");
    })
    .await;
}

#[tokio::test]
async fn a_key_lives_a_day() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let patch = || json!({"n": {"$increment": 1}});
        world.seed("notes", "a", json!({})).await;
        world.patch_with(&user, "notes", "a", patch(), keyed("k", 1)).await.unwrap();
        world.db.clock.advance(Duration::from_hours(23));
        assert!(world.patch_with(&user, "notes", "a", patch(), keyed("k", 1)).await.unwrap().replayed);
        world.db.clock.advance(Duration::from_hours(2));
        assert!(!world.patch_with(&user, "notes", "a", patch(), keyed("k", 1)).await.unwrap().replayed);
        assert_eq!(world.stored("notes", "a").await, json!({"n": 2}));
    })
    .await;
}

#[tokio::test]
async fn a_large_answer_is_read_again_while_it_is_the_same() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let body = || json!({"text": "x".repeat(100_000), "n": 1});
        let first = world.put_with(&user, "notes", "a", body(), keyed("k", 1)).await.unwrap();
        let again = world.put_with(&user, "notes", "a", body(), keyed("k", 1)).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.body, first.body);
        world.patch(&user, "notes", "a", json!({"n": 2})).await.unwrap();
        let later = world.put_with(&user, "notes", "a", body(), keyed("k", 1)).await.unwrap();
        assert_eq!(json!(later.body), json!({"id": "a", "rev": first.rev}));
        let selected = WriteOptions { select: Some(vec!["n".to_owned()]), ..keyed("other", 1) };
        world.put_with(&user, "notes", "b", body(), selected).await.unwrap();
    })
    .await;
}
