use basalt_data::documents::{WriteKind, WriteOptions};
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn merge_operators_and_json_patch_change_the_stored_document() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        world.seed("notes", "a", json!({"n": 1, "tags": ["x"], "m": {"k": 1}, "gone": true})).await;
        let patch = json!({"n": {"$increment": 2}, "tags": {"$union": ["x", "y"]}, "m": {"l": {"$now": true}},
                           "gone": null, "whole": {"$set": {"z": null}}});
        let body = world.patch(&user, "notes", "a", patch).await.unwrap().body.unwrap().into_flat();
        assert_eq!(body["n"], 3);
        assert_eq!(body["tags"], json!(["x", "y"]));
        assert_eq!(body["m"], json!({"k": 1, "l": "2026-01-01T00:00:00.000Z"}));
        assert_eq!(body["whole"], json!({"z": null}));
        assert!(!body.contains_key("gone"));

        let patch = json!([{"op": "test", "path": "/n", "value": 3}, {"op": "add", "path": "/tags/0", "value": "w"},
                           {"op": "remove", "path": "/whole"}]);
        let body = world.patch(&user, "notes", "a", patch).await.unwrap().body.unwrap().into_flat();
        assert_eq!(body["tags"], json!(["w", "x", "y"]));
        assert!(!body.contains_key("whole"));
    })
    .await;
}

#[tokio::test]
async fn patches_that_do_not_fit_say_so() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        world.seed("notes", "a", json!({"s": "text", "big": i64::MAX})).await;
        for (patch, expected) in [
            (json!({"s": {"$increment": 1}}), "409 operator_type_mismatch"),
            (json!({"big": {"$increment": 1}}), "400 overflow"),
            (json!({"s": {"$sum": 1}}), "400 bad_patch"),
            (json!({"s": {"$set": 1, "x": 1}}), "400 bad_patch"),
            (json!([{"op": "test", "path": "/s", "value": "other"}]), "409 patch_failed"),
            (json!([{"op": "remove", "path": "/nothing"}]), "409 patch_failed"),
            (json!([{"op": "spin", "path": "/s"}]), "400 bad_patch"),
            (json!("text"), "400 bad_patch"),
        ] {
            assert_eq!(refusal(world.patch(&user, "notes", "a", patch.clone()).await), expected, "{patch}");
        }
        assert_eq!(world.stored("notes", "a").await, json!({"s": "text", "big": i64::MAX}));
    })
    .await;
}

#[tokio::test]
async fn the_servers_fields_in_a_json_patch_can_be_tested_but_not_changed() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let rev = world.seed("notes", "a", json!({"n": 1})).await;
        let patch = json!([{"op": "test", "path": "/rev", "value": rev}, {"op": "replace", "path": "/createdAt", "value": "x"},
                           {"op": "replace", "path": "/n", "value": 2}]);
        let body = world.patch(&user, "notes", "a", patch).await.unwrap().body.unwrap().into_flat();
        assert_eq!((&body["n"], &body["createdAt"]), (&json!(2), &json!("2026-01-01T00:00:00.000Z")));
        let stale = json!([{"op": "test", "path": "/rev", "value": rev}]);
        assert_eq!(refusal(world.patch(&user, "notes", "a", stale).await), "409 patch_failed");
    })
    .await;
}

#[tokio::test]
async fn an_upsert_creates_what_is_missing() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let upsert = || WriteOptions { upsert: true, ..WriteOptions::default() };
        let patch = || json!({"n": {"$increment": 1}, "tags": {"$append": ["x"]}, "no": null});
        let first = world.patch_with(&user, "notes", "a", patch(), upsert()).await.unwrap();
        assert_eq!(first.kind, WriteKind::Created);
        let second = world.patch_with(&user, "notes", "a", patch(), upsert()).await.unwrap();
        assert_eq!(second.kind, WriteKind::Updated);
        assert_eq!(world.stored("notes", "a").await, json!({"n": 2, "tags": ["x", "x"]}));
        let list = json!([{"op": "add", "path": "/a", "value": 1}]);
        let third = world.patch_with(&user, "notes", "b", list, upsert()).await.unwrap();
        assert_eq!(third.kind, WriteKind::Created);
    })
    .await;
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_a_write() {
    both(json!({"notes": open()}), |world| async move {
        let rev = world.seed("notes", "a", json!({"n": 1})).await;
        let written = world.patch(&user("u1"), "notes", "a", json!({})).await.unwrap();
        assert_ne!(written.rev.unwrap().as_str(), rev);
    })
    .await;
}
