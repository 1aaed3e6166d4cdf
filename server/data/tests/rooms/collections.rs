use basalt_core::Timestamp;
use basalt_core::principal::OperatorRole;
use basalt_data::collections::{Action, PlanOptions};
use basalt_store::testkit::both;
use serde_json::{Map, Value, json};

use crate::world::*;

#[tokio::test]
async fn applying_the_same_content_changes_nothing() {
    both(|db| async move {
        let rooms = collections(&db).await;
        let desired = [definition("notes", &notes())];
        let options = PlanOptions::whole([]);
        let plan = rooms.apply(&desired, &options).await.unwrap();
        assert_eq!(plan.items[0].action, Action::Added);
        db.store.indexes_built().await.unwrap();
        let epoch = rooms.epoch();
        let again = rooms.apply(&desired, &options).await.unwrap();
        assert_eq!(again.items[0].action, Action::Unchanged);
        rooms.define_builtins().await.unwrap();
        assert_eq!(rooms.epoch(), epoch, "the epoch stays");
    })
    .await;
}

#[tokio::test]
async fn what_is_compiled_follows_the_catalog() {
    both(|db| async move {
        let rooms = collections(&db).await;
        assert_eq!(refusal(rooms.get(&name("notes"))), "404 collection_not_found");
        assert_eq!(refusal(rooms.get(&name("_sessions"))), "404 collection_not_found");
        assert!(rooms.any(&name("_sessions")).is_ok());
        rooms.put(&owner(), &name("notes"), &notes()).await.unwrap();
        let first = rooms.get(&name("notes")).unwrap();
        assert!(first.rules.update.is_none());
        let mut changed = notes();
        changed["rules"]["update"] = json!("false");
        rooms.put(&owner(), &name("notes"), &changed).await.unwrap();
        let second = rooms.get(&name("notes")).unwrap();
        assert!(second.rules.update.is_some() && second.epoch > first.epoch);
        db.store.indexes_built().await.unwrap();
        let ready = rooms.get(&name("notes")).unwrap();
        assert_eq!(ready.unique_indexes().count(), 1, "an index that became ready is a new epoch");
        rooms.drop_collection(&owner(), &name("notes"), Some("notes")).await.unwrap();
        assert_eq!(refusal(rooms.get(&name("notes"))), "404 collection_not_found");
    })
    .await;
}

#[tokio::test]
async fn definitions_are_the_operators() {
    both(|db| async move {
        let rooms = collections(&db).await;
        let (collection, definition) = (name("notes"), notes());
        assert_eq!(refusal(rooms.describe_all(&visitor())), "401 unauthenticated");
        assert_eq!(refusal(rooms.describe_all(&service("documents:write"))), "403 scope_missing");
        let viewer = operator(OperatorRole::Viewer);
        assert_eq!(refusal(rooms.put(&viewer, &collection, &definition).await), "403 operator_role_missing");
        assert_eq!(refusal(rooms.drop_collection(&viewer, &collection, None).await), "403 operator_role_missing");
        assert_eq!(refusal(rooms.plan_put(&viewer, &collection, &definition)), "allowed");
        assert_eq!(refusal(rooms.get(&collection)), "404 collection_not_found", "a plan does nothing");
        rooms.put(&service("admin"), &collection, &definition).await.unwrap();
        let names: Vec<_> = rooms.describe_all(&viewer).unwrap().into_iter().map(|d| d.name.to_string()).collect();
        assert_eq!(names, ["notes", "users"]);
        db.store.indexes_built().await.unwrap();
        let described = rooms.describe(&viewer, &collection).unwrap();
        assert_eq!(
            described.indexes,
            [
                json!({"fields": ["slug"], "unique": true, "automatic": false, "state": "ready"}),
                json!({"fields": ["owner"], "automatic": true, "state": "ready"}),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn bad_definitions_are_refused_with_places_in_the_body() {
    both(|db| async move {
        let rooms = collections(&db).await;
        let put = async |collection: &str, definition: Value| {
            rooms.put(&owner(), &name(collection), &definition).await.unwrap_err()
        };
        let error = put("notes", json!({"rules": {"create": "auth.id == nxt.owner"}})).await;
        assert_eq!((error.code().as_str(), error.errors()[0].path.as_str()), ("invalid_definition", "/rules/create"));
        assert_eq!((error.errors()[0].line, error.errors()[0].column), (Some(1), Some(12)));
        let error = put("notes", json!({"rules": {"write": "true"}})).await;
        assert_eq!(error.code().as_str(), "plan_refused");
        assert_eq!(error.errors().len(), 3);
        assert!(error.extensions().contains_key("plan"));
        assert_eq!(put("notes", json!({"softDelete": true})).await.code().as_str(), "not_available");
        assert_eq!(put("_sessions", json!({})).await.code().as_str(), "invalid_definition");
        assert_eq!(put("users", json!({"rules": {"create": "false"}})).await.errors()[0].path, "/rules/create");
        assert_eq!(rooms.epoch(), db.store.catalog().epoch);
    })
    .await;
}

#[tokio::test]
async fn a_collection_is_dropped_by_its_name_alone() {
    both(|db| async move {
        let rooms = collections(&db).await;
        rooms.put(&owner(), &name("notes"), &notes()).await.unwrap();
        for confirm in [None, Some("note"), Some("")] {
            let dropped = rooms.drop_collection(&owner(), &name("notes"), confirm).await;
            assert_eq!(refusal(dropped), "409 plan_refused");
        }
        let (users, sessions) = (name("users"), name("_sessions"));
        assert_eq!(refusal(rooms.drop_collection(&owner(), &users, Some("users")).await), "403 forbidden");
        let dropped = rooms.drop_collection(&owner(), &sessions, Some("_sessions")).await;
        assert_eq!(refusal(dropped), "404 collection_not_found");
        let plan = rooms.drop_collection(&owner(), &name("notes"), Some("notes")).await.unwrap();
        assert_eq!(plan.items[0].action, Action::Removed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_who_apply_the_same_one_does_it() {
    both(|db| async move {
        let rooms = collections(&db).await;
        let epoch = rooms.epoch();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let rooms = rooms.clone();
                tokio::spawn(async move {
                    let desired = [definition("notes", &json!({"rules": {"read": "true"}}))];
                    rooms.apply(&desired, &PlanOptions::whole([])).await.unwrap().changes_nothing()
                })
            })
            .collect();
        let mut idle = 0;
        for task in tasks {
            idle += usize::from(task.await.unwrap());
        }
        assert_eq!((idle, rooms.epoch()), (7, epoch + 1));
    })
    .await;
}

fn body(value: Value) -> Map<String, Value> {
    let Value::Object(body) = value else { panic!("an object") };
    body
}

#[tokio::test]
async fn the_simulator_looks_up_what_is_stored() {
    both(|db| async move {
        let rooms = collections(&db).await;
        let members = "auth.id in get('rooms', next.room).members";
        rooms.put(&owner(), &name("rooms"), &json!({})).await.unwrap();
        rooms.put(&owner(), &name("posts"), &json!({"rules": {"create": members}})).await.unwrap();
        put(&db, "rooms", "r1", json!({"members": ["ann"]})).await;
        let simulate = async |value: Value| {
            let now = Timestamp::from_millis(0);
            rooms.simulate(&operator(OperatorRole::Viewer), &body(value), now).await
        };
        let create = |user: &str, room: &str| {
            json!({"collection": "posts", "op": "create", "auth": {"id": user}, "next": {"room": room}})
        };
        let allowed = simulate(create("ann", "r1")).await.unwrap();
        assert!(allowed.allowed && !allowed.trace.is_empty());
        assert!(!simulate(create("bob", "r1")).await.unwrap().allowed);
        let missing = simulate(create("ann", "r2")).await.unwrap();
        assert!(!missing.allowed && missing.why.contains("no such document"), "{}", missing.why);
        let other = json!({
            "collection": "posts", "op": "create", "auth": null, "next": {}, "rules": {"create": "true"},
        });
        assert!(simulate(other).await.unwrap().allowed, "other rules can be tried");
        let faults = simulate(json!({"collection": "posts", "op": "create", "rules": {"create": "tru"}})).await;
        assert_eq!(refusal(faults), "400 bad_request");
        let fault = json!({"collection": "posts", "op": "create", "next": {}, "rules": {"create": "tru"}});
        assert_eq!(refusal(simulate(fault).await), "422 invalid_definition");
        assert_eq!(refusal(simulate(json!({"collection": "none", "op": "get", "doc": {}})).await), "404 collection_not_found");
        assert_eq!(refusal(simulate(json!({"collection": "_sessions", "op": "get", "doc": {}})).await), "404 collection_not_found");
    })
    .await;
}

#[tokio::test]
async fn a_unique_index_over_conflicts_is_shown_as_failed() {
    both(|db| async move {
        let rooms = collections(&db).await;
        rooms.put(&owner(), &name("notes"), &json!({})).await.unwrap();
        put(&db, "notes", "a", json!({"slug": "x"})).await;
        put(&db, "notes", "b", json!({"slug": "x"})).await;
        rooms.put(&owner(), &name("notes"), &notes()).await.unwrap();
        db.store.indexes_built().await.unwrap();
        let described = rooms.describe(&owner(), &name("notes")).unwrap();
        assert_eq!(described.indexes[0]["state"], "failed");
        assert_eq!(described.indexes[0]["conflicts"].as_array().map(Vec::len), Some(2));
        assert_eq!(rooms.get(&name("notes")).unwrap().unique_indexes().count(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_same_content_tries_a_failed_index_again() {
    both(|db| async move {
        let rooms = collections(&db).await;
        let desired = [definition("notes", &json!({"indexes": [{"fields": ["slug"], "unique": true}]}))];
        let options = PlanOptions::whole([]);
        rooms.apply(&[definition("notes", &json!({}))], &options).await.unwrap();
        for document in ["a", "b"] {
            put(&db, "notes", document, json!({"slug": "same"})).await;
        }
        rooms.apply(&desired, &options).await.unwrap();
        db.store.indexes_built().await.unwrap();
        let plan = rooms.plan(&desired, &options).unwrap();
        assert_eq!(plan.items[0].action, Action::Changed(vec!["indexes (failed, tried again)".into()]));

        put(&db, "notes", "b", json!({"slug": "other"})).await;
        rooms.apply(&desired, &options).await.unwrap();
        db.store.indexes_built().await.unwrap();
        assert_eq!(rooms.get(&name("notes")).unwrap().unique_indexes().count(), 1);
        assert!(rooms.plan(&desired, &options).unwrap().changes_nothing());
    })
    .await;
}
