//! Definitions, and indexes that are built while others write.

use std::collections::BTreeSet;

use basalt_core::{Code, key};
use basalt_store::decide::is_stale_epoch;
use basalt_store::testkit::{TestDb, both};
use basalt_store::{CatalogChange, Collection, IndexState};
use serde_json::{Value, json};

use crate::common::*;

async fn drop_collection(db: &TestDb, collection: &str) {
    let drop = CatalogChange::Drop { name: name(collection) };
    db.store.define(db.store.catalog().epoch, vec![drop]).await.unwrap();
}

fn collection(db: &TestDb, text: &str) -> std::sync::Arc<Collection> {
    std::sync::Arc::clone(&db.store.catalog().collections[&name(text)])
}

fn is_building(db: &TestDb) -> bool {
    db.store.catalog().collections.values().any(|collection| {
        collection.key_columns.iter().any(|column| !column.ready)
            || collection.indexes.iter().any(|index| index.state == IndexState::Building)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_moves_the_epoch_and_an_old_epoch_defines_nothing() {
    both(|db| async move {
        let mut watched = db.store.catalog_changes();
        let put = |text: &str| CatalogChange::Put { name: name(text), definition: json!({"v": 1}), indexes: vec![] };
        let catalog = db.store.define(0, vec![put("notes"), put("others")]).await.unwrap();
        assert_eq!((catalog.epoch, catalog.collections.len()), (1, 2));
        assert_eq!(watched.borrow_and_update().epoch, 1);
        assert!(is_stale_epoch(&db.store.define(0, vec![put("third")]).await.unwrap_err()));
        let drop = CatalogChange::Drop { name: name("nowhere") };
        assert_eq!(db.store.define(1, vec![drop]).await.unwrap_err().code(), Code::CollectionNotFound);
        assert_eq!(db.store.catalog().epoch, 1);
        assert_eq!(*collection(&db, "notes").definition, json!({"v": 1}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_collections_indexes_are_ready_at_once() {
    both(|db| async move {
        define(
            &db,
            "notes",
            vec![ordered(&["a", "-b.c"]), unique(&["id"]), contains("tags"), ordered(&["a"]), ordered(&["a"])],
        )
        .await;
        let notes = collection(&db, "notes");
        assert!(!is_building(&db));
        assert_eq!(notes.indexes.len(), 4, "equal indexes are one");
        assert_eq!(notes.key_columns.len(), 3, "indexes share the columns of a field");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_indexes_are_refused() {
    both(|db| async move {
        for specs in [vec![index(basalt_store::IndexKind::Contains, &["a", "b"])], vec![ordered(&[])]] {
            let put = CatalogChange::Put { name: name("notes"), definition: json!({}), indexes: specs };
            assert_eq!(db.store.define(0, vec![put]).await.unwrap_err().code(), Code::InvalidDefinition);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_filled_while_documents_change() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let data =
            |n: usize| json!({"n": n % 7, "tags": [n % 3, "t", "t", ["inner"]], "at": {"deep": format!("x{n}")}});
        for n in 0..1_300 {
            put(&db.store, "notes", &format!("n{n:05}"), data(n)).await.unwrap();
        }
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    for n in 0..300 {
                        let at = format!("n{:05}", n * 4 + writer);
                        match n % 3 {
                            0 => drop(delete(&store, "notes", &at).await.unwrap()),
                            1 => put(&store, "notes", &at, json!({"n": "text", "tags": {"name": 1}})).await.unwrap(),
                            _ => {
                                put(&store, "notes", &format!("m{writer}_{n}"), json!({"tags": [true]})).await.unwrap();
                            }
                        }
                    }
                })
            })
            .collect();
        define(&db, "notes", vec![ordered(&["n", "-at.deep"]), contains("tags"), unique(&["id"])]).await;
        for writer in writers {
            writer.await.unwrap();
        }
        db.store.indexes_built().await.unwrap();
        let notes = collection(&db, "notes");
        assert!(notes.indexes.iter().all(|index| index.state == IndexState::Ready), "{:?}", notes.indexes);
        for column in &notes.key_columns {
            check_keys(&db, "c_1", &column.column, &column.path.to_string()).await;
        }
        let side = &notes.indexes.iter().find(|index| index.name.starts_with('s')).unwrap().name;
        check_elements(&db, "c_1", side, "tags").await;
    })
    .await;
}

/// Compares a side table with what the documents hold.
async fn check_elements(db: &TestDb, table: &str, side: &str, field: &str) {
    let mut expected = BTreeSet::new();
    for row in db.select(&format!("SELECT id, data FROM {table}")).await {
        let (at, data) = row.split_once('|').unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        let keys: Vec<Vec<u8>> = match &data[field] {
            Value::Array(items) => items
                .iter()
                .filter(|item| !item.is_array() && !item.is_object())
                .map(|item| key::of(Some(item)))
                .collect(),
            Value::Object(map) => map.keys().map(|name| key::of(Some(&json!(name)))).collect(),
            _ => Vec::new(),
        };
        expected.extend(keys.iter().map(|key| format!("{at}|Bytes({key:?})")));
    }
    let found: BTreeSet<String> = db.select(&format!("SELECT id, k FROM {side}")).await.into_iter().collect();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unique_index_over_conflicts_fails_and_names_them_and_may_be_tried_again() {
    both(|db| async move {
        define(&db, "users", vec![]).await;
        for (at, email) in
            [("u1", json!("a")), ("u2", json!("a")), ("u3", json!("b")), ("u4", json!(null)), ("u5", json!(null))]
        {
            put(&db.store, "users", at, json!({"email": email})).await.unwrap();
        }
        define(&db, "users", vec![unique(&["email"])]).await;
        db.store.indexes_built().await.unwrap();
        let failed = IndexState::Failed(vec![id("u1"), id("u2")]);
        assert_eq!(collection(&db, "users").indexes[0].state, failed);
        put(&db.store, "users", "u6", json!({"email": "a"})).await.expect("a failed index doesn't enforce");

        delete(&db.store, "users", "u2").await.unwrap();
        delete(&db.store, "users", "u6").await.unwrap();
        define(&db, "users", vec![unique(&["email"])]).await;
        db.store.indexes_built().await.unwrap();
        assert_eq!(collection(&db, "users").indexes[0].state, IndexState::Ready);
        let error = put(&db.store, "users", "u7", json!({"email": "b"})).await.unwrap_err();
        assert_eq!(error.code(), Code::UniqueConflict);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_itself_holds_unique_values_apart() {
    both(|db| async move {
        define(&db, "users", vec![]).await;
        define(&db, "users", vec![unique(&["email"])]).await;
        db.store.indexes_built().await.unwrap();
        define(&db, "others", vec![unique(&["email"])]).await;
        let sql = if db.is_sqlite() {
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND name LIKE 'u_%' ORDER BY name"
        } else {
            "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'u_%' ORDER BY indexname"
        };
        assert_eq!(db.select(sql).await, ["u_1_0", "u_2_0"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_collection_leaves_its_log_and_nothing_else() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["n"]), contains("tags")]).await;
        put(&db.store, "notes", "n1", json!({"n": 1, "tags": [1]})).await.unwrap();
        drop_collection(&db, "notes").await;
        assert_eq!(db.store.document(&name("notes"), &id("n1")).await.unwrap_err().code(), Code::CollectionNotFound);
        db.store.indexes_built().await.unwrap();
        assert_eq!(tables(&db).await, Vec::<String>::new());
        assert_eq!(db.store.changes(0, 10).await.unwrap().len(), 1);
        define(&db, "notes", vec![]).await;
        assert_eq!(get(&db.store, "notes", "n1").await, None, "a new one of the name is empty");
    })
    .await;
}

async fn tables(db: &TestDb) -> Vec<String> {
    let sql = if db.is_sqlite() {
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND (name LIKE 'c\\_%' ESCAPE '\\' OR name LIKE 's\\_%' ESCAPE '\\')"
    } else {
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND (tablename LIKE 'c\\_%' OR tablename LIKE 's\\_%')"
    };
    db.select(sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_no_longer_asked_for_goes_with_its_column() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["a"]), ordered(&["b"]), contains("tags"), unique(&["u"])]).await;
        put(&db.store, "notes", "n1", json!({"a": 1, "b": 2, "tags": [3], "u": 4})).await.unwrap();
        define(&db, "notes", vec![ordered(&["b"])]).await;
        db.store.indexes_built().await.unwrap();
        let notes = collection(&db, "notes");
        assert_eq!(notes.key_columns.len(), 1);
        let columns = if db.is_sqlite() {
            "SELECT name FROM pragma_table_info('c_1') WHERE name LIKE 'k%'"
        } else {
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'c_1' AND column_name LIKE 'k%'"
        };
        assert_eq!(db.select(columns).await, [notes.key_columns[0].column.clone()]);
        assert_eq!(tables(&db).await, ["c_1"]);
        put(&db.store, "notes", "n2", json!({"a": 1, "b": 2, "u": 4})).await.unwrap();
        // What comes back is filled anew.
        define(&db, "notes", vec![ordered(&["b"]), ordered(&["a"])]).await;
        db.store.indexes_built().await.unwrap();
        let column = collection(&db, "notes").key_columns[1].column.clone();
        check_keys(&db, "c_1", &column, "a").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_was_interrupted_goes_on_after_a_start() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["n"]), contains("tags")]).await;
        for n in 0..700 {
            put(&db.store, "notes", &format!("n{n}"), json!({"n": n, "tags": [n % 5]})).await.unwrap();
        }
        // As a crash in the middle leaves it.
        db.execute("UPDATE c_1 SET k_1 = NULL WHERE id > 'n5'").await;
        db.execute("DELETE FROM s_1_2 WHERE id > 'n3'").await;
        db.execute(
            "UPDATE collections SET indexes = replace(indexes, '\"ready\"', '\"building\"'), \
             key_columns = replace(key_columns, '\"ready\":true', '\"ready\":false')",
        )
        .await;
        let db = db.reopen().await;
        assert!(is_building(&db) || db.store.catalog().epoch > 1);
        db.store.indexes_built().await.unwrap();
        assert!(!is_building(&db));
        check_keys(&db, "c_1", "k_1", "n").await;
        check_elements(&db, "c_1", "s_1_2", "tags").await;
    })
    .await;
}
