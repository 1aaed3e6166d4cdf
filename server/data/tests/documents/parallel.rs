use std::sync::Arc;

use basalt_data::documents::{Condition, WriteOptions};
use serde_json::{Map, json};

use crate::world::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_increments_are_exact() {
    both(json!({"counters": open()}), |world| async move {
        world.seed("counters", "c", json!({"n": 0})).await;
        let world = Arc::new(world);
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    for _ in 0..8 {
                        world.patch(&user("u1"), "counters", "c", json!({"n": {"$increment": 1}})).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(world.stored("counters", "c").await, json!({"n": 512}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stock_is_never_sold_twice() {
    both(json!({"stock": open()}), |world| async move {
        world.seed("stock", "p", json!({"n": 10})).await;
        let world = Arc::new(world);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    let condition = Condition { source: "doc.n >= 1".to_owned(), vars: Map::new() };
                    let options = WriteOptions { condition: Some(condition), ..WriteOptions::default() };
                    let sold =
                        world.patch_with(&user("u"), "stock", "p", json!({"n": {"$increment": -1}}), options).await;
                    match sold {
                        Ok(_) => 1,
                        Err(error) => {
                            assert_eq!(told(&error), "409 condition_failed");
                            0
                        }
                    }
                })
            })
            .collect();
        let mut sold = 0;
        for task in tasks {
            sold += task.await.unwrap();
        }
        assert_eq!(sold, 10);
        assert_eq!(world.stored("stock", "p").await, json!({"n": 0}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_creates_of_one_id_or_value_one_wins() {
    let mut definition = open();
    definition["indexes"] = json!([{"fields": ["slug"], "unique": true}]);
    both(json!({"notes": definition}), |world| async move {
        let world = Arc::new(world);
        for body in [json!({"id": "same"}), json!({"slug": "same"})] {
            let tasks: Vec<_> = (0..40)
                .map(|_| {
                    let (world, body) = (Arc::clone(&world), body.clone());
                    tokio::spawn(async move { world.create(&user("u"), "notes", body).await.is_ok() })
                })
                .collect();
            let mut won = 0;
            for task in tasks {
                won += usize::from(task.await.unwrap());
            }
            assert_eq!(won, 1, "{body}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_requests_with_one_key_one_has_an_effect() {
    both(json!({"notes": open()}), |world| async move {
        let world = Arc::new(world);
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    let body = object(json!({"n": 1}));
                    world.documents.create(&user("u"), &name("notes"), body, keyed("k", 1)).await.unwrap()
                })
            })
            .collect();
        let mut ids = Vec::new();
        for task in tasks {
            ids.push(task.await.unwrap().id);
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
        assert_eq!(world.log_length().await, 1);
    })
    .await;
}
