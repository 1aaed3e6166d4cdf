//! Indexes over documents that are there already, whatever those are like.

use std::time::Duration;

use basalt_core::Code;
use basalt_store::testkit::{Faults, TestDb, both};
use basalt_store::{Collection, IndexState};
use serde_json::{Map, Value, json};

use crate::common::*;

fn states(db: &TestDb, collection: &str) -> Vec<IndexState> {
    let catalog = db.store.catalog();
    catalog.collections[&name(collection)].indexes.iter().map(|index| index.state.clone()).collect()
}

async fn until_ready(db: &TestDb, collection: &str) {
    let of = name(collection);
    let ready = |found: &Collection| found.indexes.iter().all(|index| index.state == IndexState::Ready);
    let mut catalog = db.store.catalog_changes();
    let reached = catalog.wait_for(|catalog| ready(&catalog.collections[&of]));
    tokio::time::timeout(Duration::from_secs(30), reached).await.expect("an index that is built").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_whose_steps_take_too_long_takes_smaller_ones() {
    let faults = Faults::with_slow_fill(7);
    for db in [TestDb::sqlite_with(|_| {}, &faults).await, TestDb::postgres_with(|_| {}, &faults).await] {
        define(&db, "notes", vec![]).await;
        for n in 0..60 {
            put(&db.store, "notes", &format!("n{n:02}"), json!({"n": n, "tags": [n % 5]})).await.unwrap();
        }
        define(&db, "notes", vec![ordered(&["n"]), contains("tags")]).await;
        until_ready(&db, "notes").await;
        check_keys(&db, "c_1", "k_1", "n").await;
        let side = db.store.catalog().collections[&name("notes")].indexes[1].name.clone();
        assert_eq!(db.select(&format!("SELECT count(*) FROM {side}")).await, ["Int(60)"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_columns_and_large_documents_are_filled() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let data: Map<String, Value> = (0..140).map(|n| (format!("f{n}"), json!(n))).collect();
        for n in 0..480 {
            put(&db.store, "notes", &format!("n{n:03}"), Value::Object(data.clone())).await.unwrap();
        }
        for n in 0..12 {
            let large = json!({"f0": n, "x": "x".repeat(900_000)});
            put(&db.store, "notes", &format!("large{n:02}"), large).await.unwrap();
        }
        let specs = (0..140).step_by(7).map(|first| {
            let fields: Vec<String> = (first..first + 7).map(|n| format!("f{n}")).collect();
            ordered(&fields.iter().map(String::as_str).collect::<Vec<_>>())
        });
        define(&db, "notes", specs.collect()).await;
        until_ready(&db, "notes").await;
        let columns = db.store.catalog().collections[&name("notes")].key_columns.clone();
        assert_eq!(columns.len(), 140);
        for column in [&columns[0], &columns[139]] {
            check_keys(&db, "c_1", &column.column, &column.path.to_string()).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_that_can_not_be_built_holds_up_no_other() {
    both(|db| async move {
        for collection in ["a", "b"] {
            define(&db, collection, vec![]).await;
            put(&db.store, collection, "x", json!({"n": 1, "u": 1})).await.unwrap();
        }
        define(&db, "c", vec![ordered(&["n"])]).await;
        db.execute("UPDATE c_1 SET created_at = 'odd'").await;
        define(&db, "a", vec![ordered(&["n"])]).await;
        define(&db, "b", vec![ordered(&["n"]), unique(&["u"])]).await;
        define(&db, "c", vec![]).await;
        until_ready(&db, "b").await;
        assert_eq!(states(&db, "a"), [IndexState::Building]);
        // Chores of the others are done, too.
        while !db.select("SELECT name FROM chores WHERE name NOT LIKE '%_1%' AND of_table <> 'c_1'").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        db.execute("UPDATE c_1 SET created_at = '2026-01-01T00:00:00.000Z'").await;
        until_ready(&db, "a").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_keeps_the_index_that_a_failure_left_to_be_dropped() {
    both(|db| async move {
        define(&db, "users", vec![]).await;
        for at in ["u1", "u2"] {
            put(&db.store, "users", at, json!({"email": "a"})).await.unwrap();
        }
        define(&db, "users", vec![unique(&["email"])]).await;
        db.store.indexes_built().await.unwrap();
        assert!(matches!(states(&db, "users")[0], IndexState::Failed(_)));
        delete(&db.store, "users", "u2").await.unwrap();
        // As if the failure's chore had not been done yet.
        db.execute("INSERT INTO chores (kind, name, of_table, columns) VALUES ('drop_index', 'i_1_0', '', '')").await;
        define(&db, "users", vec![unique(&["email"])]).await;
        db.store.indexes_built().await.unwrap();
        assert_eq!(states(&db, "users"), [IndexState::Ready]);
        let sql = if db.is_sqlite() {
            "SELECT name FROM sqlite_schema WHERE name = 'i_1_0'"
        } else {
            "SELECT indexname FROM pg_indexes WHERE indexname = 'i_1_0'"
        };
        assert_eq!(db.select(sql).await, ["i_1_0"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unique_index_that_is_built_while_others_write_lets_no_two_through() {
    both(|db| async move {
        for round in 0..4 {
            let users = format!("users{round}");
            define(&db, &users, vec![]).await;
            for n in 0..40 {
                put(&db.store, &users, &format!("u{n}"), json!({"email": n})).await.unwrap();
            }
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (store, users) = (db.store.clone(), users.clone());
                    tokio::spawn(async move {
                        for n in 0..40 {
                            // All of them want the same, new each time.
                            let wanted = json!({"email": 100 + 40 * round + n});
                            match put(&store, &users, &format!("w{writer}_{n}"), wanted).await {
                                Ok(()) => {}
                                Err(error) => assert_eq!(error.code(), Code::UniqueConflict, "{error:?}"),
                            }
                        }
                    })
                })
                .collect();
            define(&db, &users, vec![unique(&["email"])]).await;
            for writer in writers {
                writer.await.unwrap();
            }
            db.store.indexes_built().await.unwrap();
            let column = db.store.catalog().collections[&name(&users)].key_columns[0].column.clone();
            let twice = format!("SELECT count(*) FROM c_{} GROUP BY {column} HAVING count(*) > 1", round + 1);
            let twice = db.select(&twice).await.len();
            match &states(&db, &users)[0] {
                IndexState::Ready => assert_eq!(twice, 0),
                IndexState::Failed(ids) => assert!(ids.len() > 1 && twice > 0, "{ids:?}"),
                IndexState::Building => panic!("still being built"),
            }
        }
    })
    .await;
}
