use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use basalt_core::{Caller, ChangeOp, Code, CollectionName, Error};
use basalt_data::documents::{BeforeWrite, HookFuture, Hooks, Verdict};
use serde_json::{Value, json};

use crate::world::*;

/// Refuses 13, stamps everything else.
#[derive(Default)]
struct Stamping(AtomicUsize);

impl Hooks for Stamping {
    fn concerns(&self, collection: &CollectionName, _: ChangeOp) -> bool {
        collection.as_str() == "notes"
    }

    fn before<'a>(&'a self, _: &'a Caller, write: BeforeWrite) -> HookFuture<'a> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let Some(mut next) = write.next else { return Ok(Verdict::Unchanged) };
            if next.get("n") == Some(&json!(13)) {
                return Err(Error::new(Code::ConditionFailed, "not 13"));
            }
            next.insert(
                "stamp".into(),
                Value::from(write.doc.map_or(0, |doc| doc.data["stamp"].as_i64().unwrap() + 1)),
            );
            Ok(Verdict::Replaced(next))
        })
    }
}

fn definitions() -> Value {
    json!({"notes": {
        "schema": {"type": "object", "properties": {"stamp": {"type": "integer", "maximum": 2}}},
        "rules": {"read": "true", "create": "next.n != 5", "update": "next.n != 5", "delete": "true",
                  "fields": {"stamp": {"write": "false"}}},
    }, "free": open()})
}

#[tokio::test]
async fn a_hook_changes_or_refuses_what_passed_the_rules() {
    let hooks = Arc::new(Stamping::default());
    let asked = Arc::clone(&hooks);
    both_with_hooks(definitions(), hooks, |world| {
        let asked = Arc::clone(&asked);
        async move {
            let user = user("u1");
            world.put(&user, "notes", "a", json!({"n": 1})).await.unwrap();
            world.patch(&user, "notes", "a", json!({"n": 2})).await.unwrap();
            assert_eq!(world.stored("notes", "a").await, json!({"n": 2, "stamp": 1}));
            assert_eq!(refusal(world.patch(&user, "notes", "a", json!({"n": 13})).await), "409 condition_failed");
            let before = asked.0.load(Ordering::SeqCst);
            assert_eq!(refusal(world.patch(&user, "notes", "a", json!({"n": 5})).await), "403 rule_denied");
            assert_eq!(refusal(world.patch(&user, "notes", "a", json!({"stamp": 9})).await), "422 schema_violation");
            assert_eq!(refusal(world.patch(&user, "notes", "a", json!({"stamp": 2})).await), "403 rule_denied");
            assert_eq!(asked.0.load(Ordering::SeqCst), before, "hooks see only what the rules let through");
            world.patch(&user, "notes", "a", json!({})).await.unwrap();
            assert_eq!(refusal(world.patch(&user, "notes", "a", json!({})).await), "422 schema_violation");
            world.put(&user, "free", "a", json!({"n": 13})).await.unwrap();
            world.delete(&user, "notes", "a").await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hooks_result_counts_only_for_the_document_that_it_saw() {
    let mut definitions = definitions();
    definitions["notes"]["rules"]["update"] = json!("true");
    definitions["notes"].as_object_mut().unwrap().remove("schema");
    both_with_hooks(definitions, Arc::new(Stamping::default()), |world| async move {
        world.put(&user("u1"), "notes", "a", json!({"n": 0})).await.unwrap();
        let world = Arc::new(world);
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    let patched = world.patch(&user("u1"), "notes", "a", json!({"n": {"$increment": 1}})).await;
                    patched.map_or_else(
                        |error| {
                            assert_eq!(told(&error), "409 condition_failed");
                            0
                        },
                        |_| 1,
                    )
                })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await.unwrap();
        }
        // n = 13 is refused by the hook, so that the count stops at 12.
        assert!(done <= 12);
        assert_eq!(world.stored("notes", "a").await, json!({"n": done, "stamp": done}));
    })
    .await;
}
