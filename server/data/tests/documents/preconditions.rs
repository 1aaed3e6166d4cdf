use basalt_data::documents::{Condition, EntityTags, WriteKind, WriteOptions};
use serde_json::{Value, json};

use crate::world::*;

fn matching(tag: &str) -> WriteOptions {
    WriteOptions { if_match: Some(EntityTags::parse(tag).unwrap()), ..WriteOptions::default() }
}

fn none_matching(tag: &str) -> WriteOptions {
    WriteOptions { if_none_match: Some(EntityTags::parse(tag).unwrap()), ..WriteOptions::default() }
}

fn condition(source: &str, vars: Value) -> WriteOptions {
    let condition = Condition { source: source.to_owned(), vars: object(vars) };
    WriteOptions { condition: Some(condition), ..WriteOptions::default() }
}

#[tokio::test]
async fn if_match_asks_for_the_revision() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let rev = world.seed("notes", "a", json!({"n": 1})).await;
        let now = format!("\"{rev}\"");
        for stale in ["\"other\"", "\"x\", \"y\""] {
            let patched = world.patch_with(&user, "notes", "a", json!({"n": 2}), matching(stale)).await;
            assert_eq!(refusal(patched), "412 precondition_failed");
            assert_eq!(
                refusal(world.put_with(&user, "notes", "a", json!({}), matching(stale)).await),
                "412 precondition_failed"
            );
            let deleted = world.documents.delete(&user, &name("notes"), &id_of("a"), matching(stale)).await;
            assert_eq!(refusal(deleted), "412 precondition_failed");
        }
        let list = format!("\"other\", {now}");
        world.patch_with(&user, "notes", "a", json!({"n": 2}), matching(&list)).await.unwrap();
        let again = world.patch_with(&user, "notes", "a", json!({"n": 3}), matching(&now)).await;
        assert_eq!(refusal(again), "412 precondition_failed");
        world.patch_with(&user, "notes", "a", json!({"n": 3}), matching("*")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn preconditions_on_what_is_missing() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let missing = world.put_with(&user, "notes", "a", json!({}), matching("*")).await;
        assert_eq!(refusal(missing), "412 precondition_failed");
        let missing = world.patch_with(&user, "notes", "a", json!({}), matching("*")).await;
        assert_eq!(refusal(missing), "404 document_not_found");
        let created = world.put_with(&user, "notes", "a", json!({}), none_matching("*")).await.unwrap();
        assert_eq!(created.kind, WriteKind::Created);
        let taken = world.put_with(&user, "notes", "a", json!({}), none_matching("*")).await;
        assert_eq!(refusal(taken), "412 precondition_failed");
        let body = object(json!({"id": "a"}));
        let taken = world.documents.create(&user, &name("notes"), body, none_matching("*")).await;
        assert_eq!(refusal(taken), "412 precondition_failed");
    })
    .await;
}

#[tokio::test]
async fn where_is_decided_on_the_stored_document() {
    both(json!({"stock": open()}), |world| async move {
        let user = user("u1");
        world.seed("stock", "p", json!({"n": 3})).await;
        let take = || json!({"n": {"$increment": -2}});
        let enough = || condition("doc.n >= vars.k", json!({"k": 2}));
        world.patch_with(&user, "stock", "p", take(), enough()).await.unwrap();
        assert_eq!(refusal(world.patch_with(&user, "stock", "p", take(), enough()).await), "409 condition_failed");
        let put = world.put_with(&user, "stock", "p", json!({}), condition("n > 5", json!({}))).await;
        assert_eq!(refusal(put), "409 condition_failed");
        let missing = condition("doc.other == 1", json!({}));
        let deleted = world.documents.delete(&user, &name("stock"), &id_of("p"), missing).await;
        assert_eq!(refusal(deleted), "409 condition_failed");
        let created = world.put_with(&user, "stock", "new", json!({}), condition("true", json!({}))).await;
        assert_eq!(refusal(created), "409 condition_failed");
        let broken = world.patch_with(&user, "stock", "p", take(), condition("doc.n >", json!({}))).await.unwrap_err();
        assert_eq!(told(&broken), "400 bad_filter");
        assert!(broken.errors()[0].line.is_some() && broken.errors()[0].column.is_some());
        assert_eq!(world.stored("stock", "p").await, json!({"n": 1}));
    })
    .await;
}
