use std::sync::Arc;

use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn new_rules_hold_for_the_next_request() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        world.seed("notes", "a", json!({})).await;
        world.patch(&user, "notes", "a", json!({"n": 1})).await.unwrap();
        world.define(&json!({"notes": {"rules": {"get": "true"}}})).await;
        assert_eq!(refusal(world.patch(&user, "notes", "a", json!({"n": 2})).await), "403 rule_missing");
        assert_eq!(refusal(world.list(&user, "notes", json!({})).await), "403 rule_missing");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_go_on_while_definitions_change() {
    both(json!({"notes": open()}), |world| async move {
        world.seed("notes", "a", json!({"n": 0})).await;
        let world = Arc::new(world);
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    for _ in 0..25 {
                        world.patch(&user("u1"), "notes", "a", json!({"n": {"$increment": 1}})).await.unwrap();
                        world.get(&user("u1"), "notes", "a").await.unwrap();
                        world.list(&user("u1"), "notes", json!({})).await.unwrap();
                    }
                })
            })
            .collect();
        for n in 0..5 {
            world.define(&json!({format!("other{n}"): open()})).await;
            world.get(&service(), "notes", "a").await.unwrap();
            world.put(&service(), &format!("other{n}"), "a", json!({})).await.unwrap();
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(world.stored("notes", "a").await, json!({"n": 200}));
    })
    .await;
}
