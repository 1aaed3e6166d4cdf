//! Opening: one process a folder, who may read it, schemas of other versions, the write-ahead log.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use basalt_core::Code;
use basalt_store::testkit::{TestDb, both, is_long};
use basalt_store::{Engine, List, Store};
use serde_json::json;

use crate::common::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_is_there_after_opening_again() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["n"]), unique(&["u"]), contains("tags")]).await;
        put(&db.store, "notes", "n1", json!({"n": 1, "u": "x", "tags": ["a", "b"]})).await.unwrap();
        let before = get(&db.store, "notes", "n1").await;
        let catalog = db.store.catalog();
        let db = db.reopen().await;
        assert_eq!(get(&db.store, "notes", "n1").await, before);
        let again = db.store.catalog();
        assert_eq!(again.epoch, catalog.epoch);
        let (again, first) = (&again.collections[&name("notes")], &catalog.collections[&name("notes")]);
        assert_eq!((&again.indexes, &again.key_columns), (&first.indexes, &first.key_columns));
        assert_eq!(again.definition, first.definition);
        assert_eq!(put(&db.store, "notes", "n2", json!({"u": "x"})).await.unwrap_err().code(), Code::UniqueConflict);
        db.store.ping().await.unwrap();
        db.store.close().await;
        assert_eq!(put(&db.store, "notes", "n3", json!({})).await.unwrap_err().code(), Code::Unavailable);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_store_on_one_folder_is_refused() {
    let db = TestDb::sqlite().await;
    let Err(error) = Store::open(db.options()).await else { panic!("two stores on one folder") };
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.detail().contains("Another process"), "{error}");
    put_is_fine(&db).await;
    let db = db.reopen().await;
    put_is_fine(&db).await;
}

async fn put_is_fine(db: &TestDb) {
    if db.store.catalog().epoch == 0 {
        define(db, "notes", vec![]).await;
    }
    put(&db.store, "notes", "n", json!({})).await.unwrap();
}

fn files_of(folder: &Path) -> Vec<(String, u32)> {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), mode(&entry.path()))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folder_is_its_owners_alone() {
    let db = TestDb::sqlite().await;
    put_is_fine(&db).await;
    let Engine::Sqlite { folder } = db.engine() else { panic!("a folder") };
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let files = files_of(&folder);
    for expected in ["data.db", "data.db-wal", "records.db", "lock"] {
        assert!(files.iter().any(|(file, _)| file == expected), "{files:?}");
    }
    assert!(files.iter().all(|(_, mode)| *mode == 0o600), "{files:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused_and_left_alone() {
    both(|db| async move {
        put_is_fine(&db).await;
        db.execute(
            "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, 'later', 'x', 'x')",
        )
        .await;
        let options = db.options();
        db.store.close().await;
        let Err(error) = Store::schema_plan(&options.engine).await else { panic!("planned") };
        assert!(error.detail().contains("newer Basalt"), "{error}");
        let Err(error) = Store::open(options).await else { panic!("opened") };
        assert!(error.detail().contains("newer Basalt"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_says_what_opening_would_do() {
    both(|db| async move {
        let plan = Store::schema_plan(&db.engine()).await.unwrap();
        assert!(plan.pending.is_empty());
        assert_eq!(plan.current, plan.target);
    })
    .await;
    let folder = std::env::temp_dir().join("basalt-no-such-folder");
    let plan = Store::schema_plan(&Engine::Sqlite { folder: folder.clone() }).await.unwrap();
    assert_eq!((plan.current, plan.pending[0].as_str()), (0, "0001_store"));
    assert!(!folder.exists(), "planning changes nothing");
}

/// Lists again and again until it is dropped.
async fn read_on(db: &TestDb) {
    let filter = basalt_core::filter::Filter::True;
    let list =
        List { collection: name("notes"), filter, search: None, sort: vec![], limit: 20, after: None, count: false };
    loop {
        db.store.list(list.clone()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_stays_bounded_under_single_writes_and_readers() {
    let writes = if is_long() { 100_000 } else { 6_000 };
    let db = TestDb::sqlite().await;
    define(&db, "notes", vec![ordered(&["n"])]).await;
    let Engine::Sqlite { folder } = db.engine() else { panic!("a folder") };
    let write = async {
        let mut largest = 0;
        for n in 0..writes {
            put(&db.store, "notes", &format!("n{n}"), json!({"n": n, "x": "x".repeat(1_500)})).await.unwrap();
            if n % 100 == 0 {
                largest = largest.max(std::fs::metadata(folder.join("data.db-wal")).unwrap().len());
            }
        }
        largest
    };
    let largest = tokio::select! {
        largest = write => largest,
        () = read_on(&db) => 0,
        () = read_on(&db) => 0,
    };
    assert!(largest < 80 << 20, "the log grew to {largest} bytes");
    let database = std::fs::metadata(folder.join("data.db")).unwrap().len();
    assert!(database > 10 << 20, "checkpoints reach the database: {database} bytes");
}
