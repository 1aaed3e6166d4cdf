//! When the world outside fails.

use std::time::Duration;

use basalt_core::Code;
use basalt_store::testkit::{Faults, TestDb};
use serde_json::json;

use crate::common::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_does_not_sync_ends_the_process() {
    let faults = Faults::default();
    let db = TestDb::sqlite_with(|_| {}, &faults).await;
    define(&db, "notes", vec![]).await;
    faults.fail_next_commit();
    let error = put(&db.store, "notes", "n", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(faults.fatal().len(), 1);
    assert_eq!(get(&db.store, "notes", "n").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let db = TestDb::sqlite().await;
    define(&db, "notes", vec![]).await;
    db.execute("PRAGMA max_page_count = 60").await;
    let large = json!({"x": "x".repeat(200_000)});
    let error = put(&db.store, "notes", "n", large.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::StorageFull);
    assert!(!error.detail().contains("INSERT"));
    assert_eq!(get(&db.store, "notes", "n").await, None);
    db.execute("PRAGMA max_page_count = 1000000").await;
    put(&db.store, "notes", "n", large).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_found_and_made_once() {
    let faults = Faults::default();
    let db = TestDb::postgres_with(|_| {}, &faults).await;
    define(&db, "counters", vec![]).await;
    for n in 1..=5 {
        faults.lose_next_answer();
        let (count, committed) = db.store.commit(increment("counters", "c")).await.unwrap();
        assert_eq!(count, n);
        assert_eq!(committed.seq(), Some(*db.store.log_end().borrow()));
    }
    assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ended_are_replaced() {
    let db = TestDb::postgres().await;
    define(&db, "counters", vec![]).await;
    db.store.commit(increment("counters", "c")).await.unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND \
               pid <> pg_backend_pid()";
    db.execute(end).await;
    assert!(get(&db.store, "counters", "c").await.is_some());
    db.execute(end).await;
    assert_eq!(db.store.commit(increment("counters", "c")).await.unwrap().0, 2);
    assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_held_too_long_is_overload() {
    let db = TestDb::postgres().await;
    define(&db, "notes", vec![]).await;
    let holder = {
        let hold = "BEGIN; SELECT pg_advisory_xact_lock(7089051234867429377); SELECT pg_sleep(4); COMMIT";
        let engine = db.engine();
        tokio::spawn(async move { basalt_store::testkit::execute(&engine, hold).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let error = put(&db.store, "notes", "n", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::Overloaded, "{error:?}");
    assert!(error.retry_after_hint().is_some());
    holder.await.unwrap();
    put(&db.store, "notes", "n", json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_writes_than_can_wait_are_refused_and_the_others_made() {
    let db = TestDb::sqlite().await;
    define(&db, "notes", vec![]).await;
    let busy =
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 8000000) SELECT max(x) FROM n";
    let (mut made, mut refused) = (0, 0);
    let writes = (0..10_000).map(|n| {
        let store = db.store.clone();
        async move { put(&store, "notes", &format!("n{n}"), json!({})).await }
    });
    let ((), results) = tokio::join!(db.execute(busy), futures_util::future::join_all(writes));
    for result in results {
        match result {
            Ok(()) => made += 1,
            Err(error) => {
                assert_eq!(error.code(), Code::Overloaded, "{error:?}");
                assert!(error.retry_after_hint().is_some());
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "all {made} were made");
    let count = basalt_store::Count { collection: name("notes"), filter: basalt_core::filter::Filter::True };
    assert_eq!(db.store.count(count).await.unwrap(), made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_takes_too_long_is_ended() {
    let db = TestDb::sqlite_with(|_| {}, &Faults::with_read_time(Duration::from_millis(200))).await;
    let endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
    assert_eq!(db.try_select(endless).await.unwrap_err().code(), Code::Timeout);
    assert_eq!(db.select("SELECT 1").await, ["Int(1)"], "the reader goes on");
    let db = TestDb::postgres().await;
    assert_eq!(db.try_select("SELECT pg_sleep(60)").await.unwrap_err().code(), Code::Timeout);
    assert_eq!(db.select("SELECT 1").await, ["Int(1)"]);
}
