use basalt_data::documents::WriteOptions;
use serde_json::{Value, json};

use crate::world::*;

fn users() -> Value {
    json!({"users": {"rules": {"read": "auth != null", "update": "auth.id == doc.id || auth.id == 'boss'"}}})
}

fn record() -> Value {
    json!({"email": "a@example.org", "emailVerified": true, "anonymous": false, "roles": ["member"], "claims": {},
           "disabled": false, "displayName": "A"})
}

#[tokio::test]
async fn no_generic_door_changes_the_servers_fields() {
    both(users(), |world| async move {
        world.seed_built_in("users", "u1", record()).await;
        for caller in [user("u1"), service()] {
            for field in SERVER_FIELDS {
                let value = json!(["admin"]);
                for patch in [
                    json!({ field: value }),
                    json!({ field: {"$set": value} }),
                    json!([{"op": "add", "path": format!("/{field}"), "value": value}]),
                ] {
                    let refused = world.patch(&caller, "users", "u1", patch.clone()).await;
                    assert_eq!(refusal(refused), "403 field_protected", "{patch}");
                    let upsert = WriteOptions { upsert: true, ..WriteOptions::default() };
                    let refused = world.patch_with(&caller, "users", "u1", patch, upsert).await;
                    assert_eq!(refusal(refused), "403 field_protected");
                }
                let put = world.put(&caller, "users", "u1", json!({ field: value })).await;
                assert_eq!(refusal(put), "403 field_protected");
                let patch = json!([{"op": "patch", "collection": "users", "id": "u1", "patch": { field: value }}]);
                assert_eq!(refusal(world.transact(&caller, patch).await), "403 field_protected");
            }
            for patch in [
                json!({"roles": {"$append": ["admin"]}}),
                json!({"roles": null}),
                json!({"claims": {"admin": true}}),
                json!([{"op": "remove", "path": "/email"}]),
                json!([{"op": "move", "from": "/roles", "path": "/mine"}]),
            ] {
                assert_eq!(
                    refusal(world.patch(&caller, "users", "u1", patch.clone()).await),
                    "403 field_protected",
                    "{patch}"
                );
            }
        }
        assert_eq!(world.stored("users", "u1").await, record());
    })
    .await;
}

#[tokio::test]
async fn own_fields_are_changed_like_any_documents() {
    both(users(), |world| async move {
        world.seed_built_in("users", "u1", record()).await;
        let me = user("u1");
        world.patch(&me, "users", "u1", json!({"displayName": "B"})).await.unwrap();
        let mut body = world.get(&me, "users", "u1").await.unwrap().body;
        assert_eq!(body["email"], "a@example.org");
        body.insert("displayName".into(), "C".into());
        world.put(&me, "users", "u1", Value::Object(body)).await.unwrap();
        world.put(&me, "users", "u1", json!({"displayName": "D"})).await.unwrap();
        let mut expected = record();
        expected["displayName"] = json!("D");
        assert_eq!(world.stored("users", "u1").await, expected, "the server's fields stay");
    })
    .await;
}

#[tokio::test]
async fn the_servers_fields_are_read_by_the_user_himself_and_by_services() {
    both(users(), |world| async move {
        world.seed_built_in("users", "u1", record()).await;
        world.seed_built_in("users", "u2", record()).await;
        let names = |body: &serde_json::Map<String, Value>| body.contains_key("email");
        assert!(names(&world.get(&user("u1"), "users", "u1").await.unwrap().body));
        assert!(!names(&world.get(&user("u2"), "users", "u1").await.unwrap().body));
        assert!(names(&world.get(&service(), "users", "u1").await.unwrap().body));
        let listed = world.list(&user("u1"), "users", json!({"sort": "id"})).await.unwrap();
        assert_eq!(listed.items.iter().map(names).collect::<Vec<_>>(), [true, false]);
        for query in [
            json!({"filter": "email == 'a@example.org'"}),
            json!({"sort": "email"}),
            json!({"filter": "'x' in doc.roles"}),
        ] {
            assert_eq!(refusal(world.list(&user("u2"), "users", query).await), "400 bad_filter");
        }
        assert_eq!(world.ids(&service(), "users", json!({"filter": "email == 'a@example.org'"})).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn who_may_update_another_user_can_not_guess_his_address() {
    both(users(), |world| async move {
        world.seed_built_in("users", "u1", record()).await;
        let boss = user("boss");
        for guess in ["a@example.org", "b@example.org"] {
            let patched = world.patch(&boss, "users", "u1", json!({"email": guess})).await;
            assert_eq!(refusal(patched), "403 field_protected");
            let put = world.put(&boss, "users", "u1", json!({"email": guess, "displayName": "x"})).await;
            assert_eq!(refusal(put), "403 field_protected");
        }
        world.put(&boss, "users", "u1", json!({"displayName": "x"})).await.unwrap();
        assert_eq!(world.stored("users", "u1").await["email"], "a@example.org");
    })
    .await;
}

#[tokio::test]
async fn users_come_and_go_by_other_doors() {
    both(users(), |world| async move {
        world.seed_built_in("users", "u1", record()).await;
        let operations = || json!([{"op": "delete", "collection": "users", "id": "u1"}]);
        for caller in [user("u1"), service()] {
            assert_eq!(refusal(world.create(&caller, "users", json!({"displayName": "x"})).await), "403 forbidden");
            assert_eq!(refusal(world.put(&caller, "users", "new", json!({})).await), "403 forbidden");
            assert_eq!(refusal(world.delete(&caller, "users", "u1").await), "403 forbidden");
            assert_eq!(refusal(world.transact(&caller, operations()).await), "403 forbidden");
        }
        assert_eq!(refusal(world.create(&visitor(), "users", json!({})).await), "401 unauthenticated");
        assert_eq!(refusal(world.delete(&visitor(), "users", "u1").await), "404 document_not_found");
        let narrow = service_with(&["documents:write"]);
        assert_eq!(refusal(world.patch(&narrow, "users", "u1", json!({})).await), "403 scope_missing");
    })
    .await;
}
