use basalt_core::Timestamp;
use basalt_core::limits::DOCUMENT_BYTES;
use basalt_data::documents::{Show, WriteKind, WriteOptions};
use serde_json::json;
use std::time::Duration;

use crate::world::*;

#[tokio::test]
async fn a_document_is_created_read_replaced_and_deleted() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let created = world.create(&user, "notes", json!({"title": "a", "rev": "x", "createdAt": 1})).await.unwrap();
        assert_eq!(created.kind, WriteKind::Created);
        assert!(created.seq.is_some() && !created.replayed);
        let body = created.body.unwrap().into_flat();
        assert_eq!(body["title"], "a");
        assert_eq!(body["createdAt"], "2026-01-01T00:00:00.000Z", "the server's, whatever the body says");
        let id = created.id.to_string();

        let fetched = world.get(&user, "notes", &id).await.unwrap();
        assert_eq!(fetched.body, body);

        world.db.clock.advance(Duration::from_mins(1));
        let replaced = world.put(&user, "notes", &id, json!({"text": "b", "id": id})).await.unwrap();
        assert_eq!(replaced.kind, WriteKind::Updated);
        let body = replaced.body.unwrap().into_flat();
        assert_eq!(body["createdAt"], "2026-01-01T00:00:00.000Z");
        assert_eq!(body["updatedAt"], "2026-01-01T00:01:00.000Z");
        assert!(!body.contains_key("title"));
        assert_ne!(replaced.rev, created.rev);

        let deleted = world.delete(&user, "notes", &id).await.unwrap();
        assert_eq!((deleted.kind, deleted.body), (WriteKind::Deleted, None));
        assert_eq!(refusal(world.get(&user, "notes", &id).await), "404 document_not_found");
        assert_eq!(refusal(world.delete(&user, "notes", &id).await), "404 document_not_found");
        assert_eq!(refusal(world.patch(&user, "notes", &id, json!({})).await), "404 document_not_found");
    })
    .await;
}

#[tokio::test]
async fn an_id_may_be_chosen_and_has_to_be_the_paths() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        assert_eq!(world.create(&user, "notes", json!({"id": "mine"})).await.unwrap().id.as_str(), "mine");
        assert_eq!(refusal(world.create(&user, "notes", json!({"id": "mine"})).await), "409 document_exists");
        assert_eq!(refusal(world.create(&user, "notes", json!({"id": "a b"})).await), "400 bad_request");
        assert_eq!(refusal(world.create(&user, "notes", json!({"id": 7})).await), "400 bad_request");
        assert_eq!(refusal(world.put(&user, "notes", "a", json!({"id": "b"})).await), "400 id_mismatch");
        for patch in [json!({"id": "b"}), json!({"id": null}), json!([{"op": "replace", "path": "/id", "value": "b"}])]
        {
            assert_eq!(refusal(world.patch(&user, "notes", "mine", patch).await), "400 id_mismatch");
        }
        world.patch(&user, "notes", "mine", json!({"id": "mine", "rev": {"$odd": 1}, "n": 1})).await.unwrap_err();
        world.patch(&user, "notes", "mine", json!({"id": "mine", "rev": "old", "n": 1})).await.unwrap();
        assert_eq!(world.stored("notes", "mine").await, json!({"n": 1}));
    })
    .await;
}

#[tokio::test]
async fn bodies_are_bounded_and_named_well() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        for (body, expected) in [
            (json!({"$a": 1}), "400 bad_request"),
            (json!({"_a": 1}), "400 bad_request"),
            (json!({"expand": 1}), "400 bad_request"),
            (json!({"a": [{"$inc": 1}]}), "400 bad_request"),
            (json!({"a": "x".repeat(DOCUMENT_BYTES)}), "413 too_large"),
        ] {
            assert_eq!(refusal(world.create(&user, "notes", body).await), expected);
        }
        world.seed("notes", "big", json!({"a": "x".repeat(DOCUMENT_BYTES / 2)})).await;
        let more = json!({"b": "x".repeat(DOCUMENT_BYTES / 2)});
        assert_eq!(refusal(world.patch(&user, "notes", "big", more).await), "413 too_large");
        assert_eq!(refusal(world.create(&user, "nowhere", json!({})).await), "404 collection_not_found");
        assert_eq!(refusal(world.get(&user, "_sessions", "x").await), "404 collection_not_found");
    })
    .await;
}

#[tokio::test]
async fn a_schema_is_checked_on_the_result_and_names_every_fault() {
    let schema = json!({"type": "object", "required": ["title"], "additionalProperties": false, "properties": {
        "title": {"type": "string"}, "n": {"type": "integer", "maximum": 5}, "at": {"type": "string", "format": "date-time"}}});
    let mut definition = open();
    definition["schema"] = schema;
    both(json!({"notes": definition}), |world| async move {
        let user = user("u1");
        let error = world.create(&user, "notes", json!({"n": 9, "x": 1})).await.unwrap_err();
        assert_eq!(told(&error), "422 schema_violation");
        let paths: Vec<_> = error.errors().iter().map(|fault| fault.path.as_str()).collect();
        assert!(paths.contains(&"/title") && paths.contains(&"/n"), "{paths:?}");

        let at = "2026-01-01T10:00:00+02:00";
        world.put(&user, "notes", "a", json!({"title": "t", "n": 4, "at": at})).await.unwrap();
        assert_eq!(world.stored("notes", "a").await["at"], "2026-01-01T08:00:00.000Z", "times are stored in UTC");
        let later = json!({"at": {"$max": "2026-01-01T09:00:00+00:00"}});
        world.patch(&user, "notes", "a", later).await.unwrap();
        assert_eq!(world.stored("notes", "a").await["at"], "2026-01-01T09:00:00.000Z");
        let more = json!({"n": {"$increment": 2}});
        assert_eq!(refusal(world.patch(&user, "notes", "a", more).await), "422 schema_violation");
        let never = json!({"at": "soon"});
        assert_eq!(refusal(world.patch(&user, "notes", "a", never).await), "422 schema_violation");
    })
    .await;
}

#[tokio::test]
async fn unique_values_are_taken_once() {
    let mut definition = open();
    definition["indexes"] = json!([{"fields": ["slug"], "unique": true}]);
    both(json!({"notes": definition}), |world| async move {
        let user = user("u1");
        world.put(&user, "notes", "a", json!({"slug": "x"})).await.unwrap();
        let error = world.create(&user, "notes", json!({"slug": "x"})).await.unwrap_err();
        assert_eq!(told(&error), "409 unique_conflict");
        assert_eq!(error.errors()[0].path, "/slug");
        world.put(&user, "notes", "b", json!({"slug": null})).await.unwrap();
        world.put(&user, "notes", "c", json!({"slug": null})).await.unwrap();
        assert_eq!(refusal(world.patch(&user, "notes", "b", json!({"slug": "x"})).await), "409 unique_conflict");
        world.patch(&user, "notes", "a", json!({"n": 1})).await.unwrap();
        world.delete(&user, "notes", "a").await.unwrap();
        world.patch(&user, "notes", "b", json!({"slug": "x"})).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn updated_at_is_never_before_created_at() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        world.put(&user, "notes", "a", json!({})).await.unwrap();
        world.db.clock.set(Timestamp::parse("2020-01-01T00:00:00Z").unwrap());
        let body = world.patch(&user, "notes", "a", json!({"n": 1})).await.unwrap().body.unwrap().into_flat();
        assert_eq!(body["updatedAt"], body["createdAt"]);
    })
    .await;
}

#[tokio::test]
async fn answers_show_the_selected_fields() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        let options = WriteOptions { select: Some(vec!["a.x".to_owned()]), ..WriteOptions::default() };
        let written = world.put_with(&user, "notes", "n", json!({"a": {"x": 1, "y": 2}, "b": 3}), options).await;
        let written = written.unwrap();
        assert_eq!(json!(written.body), json!({"id": "n", "rev": written.rev, "a": {"x": 1}}));
        let show = Show { select: Some(vec!["b".to_owned()]), ..Show::default() };
        let fetched = world.documents.get(&user, &name("notes"), &id_of("n"), &show).await.unwrap();
        assert_eq!(json!(fetched.body), json!({"id": "n", "rev": written.rev, "b": 3}));
    })
    .await;
}
