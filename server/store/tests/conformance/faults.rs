//! When the world outside fails.

use std::time::Duration;

use basalt_core::filter::Filter;
use basalt_core::vector::Metric;
use basalt_core::{Code, FieldPath};
use basalt_store::testkit::{Faults, TestDb};
use basalt_store::{IndexKind, Nearest};
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
async fn what_did_not_reach_the_disk_is_neither_acknowledged_nor_told() {
    let faults = Faults::default();
    let db = TestDb::sqlite_with(|_| {}, &faults).await;
    define(&db, "notes", vec![]).await;
    let end = *db.store.log_end().borrow();
    faults.fail_next_sync();
    let error = put(&db.store, "notes", "n", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::OutcomeUnknown);
    assert_eq!(faults.fatal().len(), 1);
    assert_eq!(*db.store.log_end().borrow(), end, "the log's end is what is on the disk");
    // The next commit takes it there with itself.
    put(&db.store, "notes", "m", json!({})).await.unwrap();
    assert!(get(&db.store, "notes", "n").await.is_some());
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
    define(&db, "articles", vec![index(IndexKind::Vector, &["at"])]).await;
    put(&db.store, "articles", "a", json!({"at": [1.0, 2.0]})).await.unwrap();
    db.execute(end).await;
    let nearest = Nearest {
        collection: name("articles"),
        filter: Filter::True,
        path: FieldPath::parse("at").unwrap(),
        vector: vec![1.0, 2.0],
        metric: Metric::Cosine,
        k: 1,
    };
    assert_eq!(db.store.nearest(nearest).await.unwrap().documents.len(), 1);
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
    let count =
        basalt_store::Count { collection: name("notes"), filter: basalt_core::filter::Filter::True, search: None };
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_is_made_once() {
    for faults in [Faults::default(), Faults::under_lock()] {
        let db = TestDb::postgres_with(|_| {}, &faults).await;
        define(&db, "counters", vec![]).await;
        for n in 1..=3 {
            faults.lose_next_request();
            assert_eq!(db.store.commit(increment("counters", "c")).await.unwrap().0, n);
        }
        assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_under_the_lock_whose_answer_is_lost_is_found() {
    let faults = Faults::under_lock();
    let db = TestDb::postgres_with(|_| {}, &faults).await;
    define(&db, "counters", vec![]).await;
    for n in 1..=3 {
        faults.lose_next_answer();
        assert_eq!(db.store.commit(increment("counters", "c")).await.unwrap().0, n);
    }
    assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 3);
    assert_eq!(db.locked_groups(), 3);
}

/// What was not sent with it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_can_not_be_looked_up_is_of_unknown_outcome() {
    for faults in [Faults::default(), Faults::under_lock()] {
        let db = TestDb::postgres_with(|_| {}, &faults).await;
        define(&db, "notes", vec![]).await;
        faults.lose_searches();
        faults.lose_next_answer();
        // Each so large that it is a group of its own.
        let large = json!({"x": "x".repeat(300_000)});
        let puts = (0..12).map(|n| {
            let (store, large) = (db.store.clone(), large.clone());
            async move { put(&store, "notes", &format!("n{n}"), large).await }
        });
        let results = futures_util::future::join_all(puts).await;
        let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].code(), Code::OutcomeUnknown);
        assert!(errors[0].retry_after_hint().is_some());
        assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 12, "it was made, as it happens");
        faults.let_search();
        faults.lose_next_answer();
        put(&db.store, "notes", "n0", json!({})).await.unwrap();
    }
}

/// Commits these at once; answers the errors, by document.
async fn all_at_once(db: &TestDb, documents: Vec<(String, serde_json::Value)>) -> Vec<(String, Code)> {
    let puts = documents.into_iter().map(|(at, data)| {
        let store = db.store.clone();
        async move { put(&store, "notes", &at, data).await.map_err(|error| (at, error.code())) }
    });
    futures_util::future::join_all(puts).await.into_iter().filter_map(Result::err).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_refuses_of_one_batch_harms_no_other() {
    let db = TestDb::postgres().await;
    define(&db, "notes", vec![]).await;
    // As PostgreSQL ends a statement that is too slow, and one whose row is too large for an index.
    db.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.id = 'slow' THEN RAISE EXCEPTION 'slow' USING ERRCODE = '57014'; END IF; \
         IF NEW.id = 'large' THEN RAISE EXCEPTION 'large' USING ERRCODE = '54000'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON c_1 FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    .await;
    let mut documents: Vec<_> = (0..40).map(|n| (format!("n{n}"), json!({"n": n}))).collect();
    documents.insert(7, ("slow".into(), json!({})));
    documents.insert(19, ("large".into(), json!({})));
    let mut refused = all_at_once(&db, documents).await;
    refused.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(refused, [("large".to_owned(), Code::TooLarge), ("slow".to_owned(), Code::Timeout)]);
    assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_slow_is_not_asked_for_each_batch_by_itself() {
    let db = TestDb::postgres().await;
    define(&db, "notes", vec![]).await;
    db.execute(
        "CREATE SEQUENCE asked; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         PERFORM nextval('asked'); RAISE EXCEPTION 'slow' USING ERRCODE = '57014'; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON c_1 FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    .await;
    let refused = all_at_once(&db, (0..200).map(|n| (format!("n{n}"), json!({}))).collect()).await;
    assert_eq!(refused.len(), 200);
    assert!(refused.iter().all(|(_, code)| *code == Code::Timeout));
    let asked: i64 = db.select("SELECT last_value::text FROM asked").await[0].parse().unwrap();
    assert!(asked < 100, "it was asked {asked} times");
}
