//! The log: total order, nothing missed, retention.

use std::time::Duration;

use basalt_core::{Code, Seq};
use basalt_store::Store;
use basalt_store::testkit::{Faults, TestDb, both};
use serde_json::json;

use crate::common::*;

const WRITERS: usize = 32;
const READERS: usize = 20;
const WRITES_EACH: usize = 60;

/// Follows the log from its beginning until it has seen so many changes.
async fn follow(store: Store, count: usize) -> Vec<(Seq, String)> {
    let (mut seen, mut since, mut end) = (Vec::new(), 0, store.log_end());
    while seen.len() < count {
        let changes = store.changes(since, 37).await.unwrap();
        if let Some(last) = changes.last() {
            since = last.seq;
        } else {
            // The wake-up is a hint: what matters is that the next look finds what there is.
            drop(tokio::time::timeout(Duration::from_millis(200), end.changed()).await);
        }
        seen.extend(changes.into_iter().map(|change| (change.seq, change.id.to_string())));
    }
    seen
}

async fn write_and_follow(stores: Vec<Store>) {
    let store = |n: usize| stores[n % stores.len()].clone();
    let count = WRITERS * WRITES_EACH;
    let readers: Vec<_> = (0..READERS).map(|n| tokio::spawn(follow(store(n), count))).collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store(writer);
            tokio::spawn(async move {
                for n in 0..WRITES_EACH {
                    put(&store, "notes", &format!("w{writer}_{n}"), json!({"n": n})).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let whole = stores[0].changes(0, 10_000).await.unwrap();
    let whole: Vec<(Seq, String)> = whole.into_iter().map(|change| (change.seq, change.id.to_string())).collect();
    assert_eq!(whole.len(), count);
    assert!(whole.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for reader in readers {
        assert!(reader.await.unwrap() == whole, "a reader saw another log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_the_log_miss_nothing_while_others_write() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        write_and_follow(vec![db.store.clone()]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_the_log_miss_nothing_of_two_nodes() {
    let db = TestDb::postgres().await;
    define(&db, "notes", vec![]).await;
    let other = Store::open(db.options()).await.unwrap();
    write_and_follow(vec![db.store.clone(), other.clone()]).await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_write_names_its_places_in_the_log() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let (_, first) = db.store.commit(increment("notes", "a")).await.unwrap();
        let (_, second) = db.store.commit(increment("notes", "a")).await.unwrap();
        assert!(first.seq() < second.seq());
        let after = db.store.changes(first.seq().unwrap(), 10).await.unwrap();
        assert_eq!(after.iter().map(|change| change.seq).collect::<Vec<_>>(), second.seqs);
        assert_eq!(*db.store.log_end().borrow(), second.seq().unwrap());
        let ((), none) = db.store.commit(by(|_| basalt_store::Step::Done(writes(), ()))).await.unwrap();
        assert_eq!(none.seq(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_leaves_the_log() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let (_, committed) = db.store.commit(increment("notes", "a")).await.unwrap();
        let seq = committed.seq().unwrap();
        db.maintain().await;
        assert_eq!(db.store.changes(0, 10).await.unwrap().len(), 1, "a week is not over");
        db.clock.advance(Duration::from_hours(8 * 24));
        db.maintain().await;
        assert_eq!(db.store.changes(0, 10).await.unwrap_err().code(), Code::CursorExpired);
        assert!(db.store.changes(seq, 10).await.unwrap().is_empty(), "who has read it all goes on");
        // Places are not used again, also when none is left and the store is opened anew.
        let db = db.reopen().await;
        let (_, next) = db.store.commit(increment("notes", "a")).await.unwrap();
        assert!(next.seq().unwrap() > seq);
        assert_eq!(db.store.changes(seq, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_trimmed_in_one_turn() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let (_, first) = db.store.commit(increment("notes", "a")).await.unwrap();
        // Many steps: a turn removes up to 50,000.
        db.execute(
            "INSERT INTO changes (seq, collection, id, op, actor_type, request_id, at, total_bytes) \
             WITH RECURSIVE n (x) AS (SELECT 2 UNION ALL SELECT x + 1 FROM n WHERE x < 12000) \
             SELECT x, 'notes', 'a', 2, 'system', 'r', 0, 200 * x FROM n",
        )
        .await;
        assert_eq!(first.seq(), Some(1));
        db.clock.advance(Duration::from_hours(8 * 24));
        db.maintain().await;
        assert_eq!(db.select("SELECT count(*) FROM changes").await, ["Int(0)"]);
        assert_eq!(db.select("SELECT value FROM meta WHERE name = 'trimmed'").await, ["12000"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_bounded_in_bytes() {
    let small = |options: &mut basalt_store::Options| options.log_max_bytes = 50_000;
    let faults = Faults::default();
    for db in [TestDb::sqlite_with(small, &faults).await, TestDb::postgres_with(small, &faults).await] {
        define(&db, "notes", vec![]).await;
        for n in 0..100 {
            put(&db.store, "notes", &format!("n{n}"), json!({"x": "x".repeat(1_000)})).await.unwrap();
        }
        db.maintain().await;
        let end = *db.store.log_end().borrow();
        assert_eq!(db.store.changes(0, 1_000).await.unwrap_err().code(), Code::CursorExpired);
        let mut since = end;
        while db.store.changes(since - 1, 1_000).await.is_ok() {
            since -= 1;
        }
        let kept = db.store.changes(since, 1_000).await.unwrap();
        assert!((20..=45).contains(&kept.len()), "{} changes are kept", kept.len());
        assert_eq!(kept.last().unwrap().seq, end);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_its_identity() {
    both(|db| async move {
        let log_id = db.store.log_id().to_owned();
        assert!(!log_id.is_empty());
        let db = db.reopen().await;
        assert_eq!(db.store.log_id(), log_id);
    })
    .await;
}
