//! Reads that many ask for at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use basalt_core::{Code, Timestamp};
use basalt_store::catalog::unique_key;
use basalt_store::testkit::{TestDb, both};
use basalt_store::{CellKey, Decide, IndexKind, Read, Step, View};
use serde_json::{Value, json};

use crate::common::*;

#[expect(clippy::option_option, reason = "as the view: not read, or not there")]
fn n_of(view: &View, collection: &str, at: &str) -> Option<Option<i64>> {
    let found = view.document(&name(collection), &id(at))?;
    Some(found.and_then(|document| document.data["n"].as_i64()))
}

fn read(collection: &str, at: &str) -> Read {
    Read::Document { collection: name(collection), id: id(at) }
}

/// The numbers of documents of two collections, of one state.
fn pair(at: String) -> impl Decide<Out = (Option<i64>, Option<i64>)> {
    by(move |view: &View| match (n_of(view, "notes", &at), n_of(view, "others", &at)) {
        (Some(note), Some(other)) => Step::Done(writes(), (note, other)),
        _ => Step::Need(vec![read("notes", &at), read("others", &at)]),
    })
}

/// The number of one document.
fn single(collection: &'static str, at: String) -> impl Decide<Out = Option<i64>> {
    by(move |view: &View| match n_of(view, collection, &at) {
        Some(n) => Step::Done(writes(), n),
        None => Step::Need(vec![read(collection, &at)]),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_reads_at_once_gets_its_own_answer() {
    both(|db| async move {
        define(&db, "notes", vec![index(IndexKind::Unique, &["n"])]).await;
        define(&db, "others", vec![]).await;
        for n in 0..20 {
            put(&db.store, "notes", &format!("n{n}"), json!({"n": n})).await.unwrap();
            put(&db.store, "others", &format!("n{n}"), json!({"n": -n})).await.unwrap();
            set_cell(&db.store, CellKey::new("c", format!("n{n}")), Some(json!(n)), None).await;
        }
        let over = Timestamp::from_millis(1);
        set_cell(&db.store, CellKey::new("c", "over"), Some(json!(1)), Some(over)).await;
        let unique = db.store.catalog().collections[&name("notes")].indexes[0].name.clone();
        let tasks: Vec<_> = (0..200_i64)
            .map(|task| {
                let (store, unique) = (db.store.clone(), unique.clone());
                // A sixth of them asks for what isn't there.
                let n = task % 24;
                let (at, there) = (format!("n{n}"), (n < 20).then_some(n));
                tokio::spawn(async move {
                    match task % 4 {
                        0 => assert_eq!(store.inspect(single("notes", at)).await.unwrap(), there),
                        1 => assert_eq!(store.inspect(pair(at)).await.unwrap(), (there, there.map(|n| -n))),
                        2 => {
                            let cell = store.cell(&CellKey::new("c", at)).await.unwrap();
                            assert_eq!(cell.map(|cell| cell.value), there.map(Value::from));
                            assert_eq!(store.cell(&CellKey::new("c", "over")).await.unwrap(), None);
                        }
                        _ => {
                            let spec = index(IndexKind::Unique, &["n"]);
                            let key = unique_key(&spec, &fields(json!({ "n": n }))).unwrap();
                            let holder = by(move |view: &View| match view.unique(&name("notes"), &unique, &key) {
                                Some(holder) => Step::Done(writes(), holder.cloned()),
                                None => Step::Need(vec![Read::Unique {
                                    collection: name("notes"),
                                    index: unique.clone(),
                                    key: key.clone(),
                                }]),
                            });
                            let holder = store.inspect(holder).await.unwrap();
                            assert_eq!(holder.map(|id| id.to_string()), there.map(|n| format!("n{n}")));
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_sees_every_write_that_was_acknowledged_before_it() {
    both(|db| async move {
        define(&db, "counters", vec![]).await;
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    for _ in 0..25 {
                        let at = format!("n{}", task % 4);
                        let (n, _) = store.commit(increment("counters", &at)).await.unwrap();
                        let seen = get(&store, "counters", &at).await.unwrap();
                        assert!(seen.data["n"].as_i64().unwrap() >= n, "{n} was acknowledged, {seen:?} is read");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_of_a_table_that_is_broken_harm_no_others() {
    let db = TestDb::postgres().await;
    define(&db, "notes", vec![]).await;
    define(&db, "others", vec![]).await;
    put(&db.store, "notes", "n", json!({"n": 1})).await.unwrap();
    db.execute("DROP TABLE c_2").await;
    let tasks: Vec<_> = (0..100)
        .map(|task| {
            let store = db.store.clone();
            tokio::spawn(async move {
                // Those who ask in both places take along those who ask in one.
                if task % 4 == 0 {
                    assert!(store.inspect(pair("n".to_owned())).await.is_err());
                } else {
                    assert_eq!(store.inspect(single("notes", "n".to_owned())).await.unwrap(), Some(1));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_no_longer_waits_for_a_read_holds_up_nobody() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        put(&db.store, "notes", "n", json!({"n": 1})).await.unwrap();
        for _ in 0..10 {
            let tasks: Vec<_> = (0..60)
                .map(|_| {
                    let store = db.store.clone();
                    tokio::spawn(async move { store.inspect(single("notes", "n".to_owned())).await })
                })
                .collect();
            tokio::task::yield_now().await;
            for (n, task) in tasks.into_iter().enumerate() {
                if n % 2 == 0 {
                    task.abort();
                } else {
                    assert_eq!(task.await.unwrap().unwrap(), Some(1));
                }
            }
        }
        assert_eq!(get(&db.store, "notes", "n").await.unwrap().data["n"], json!(1));
    })
    .await;
}

/// Looks at three documents, one a round.
fn look_thrice() -> impl Decide<Out = [i64; 3]> {
    by(|view: &View| {
        let mut found = [0; 3];
        for (n, at) in ["a", "b", "c"].into_iter().enumerate() {
            match n_of(view, "notes", at) {
                Some(there) => found[n] = there.unwrap_or(0),
                None => return Step::Need(vec![read("notes", at)]),
            }
        }
        Step::Done(writes(), found)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_rounds_of_reads_see_one_state_while_others_write() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let done = Arc::new(AtomicBool::new(false));
        let writer = {
            let (store, done) = (db.store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    // In this order, so that a state in between has fewer in what comes later.
                    for at in ["a", "b", "c"] {
                        store.commit(increment("notes", at)).await.unwrap();
                    }
                }
            })
        };
        for _ in 0..100 {
            let [a, b, c] = db.store.inspect(look_thrice()).await.unwrap();
            assert!(a >= b && b >= c && a - c <= 1, "{a} {b} {c}");
        }
        done.store(true, Ordering::Relaxed);
        writer.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_answered_after_all_connections_were_lost_and_refused_once_closed() {
    let db = TestDb::postgres().await;
    define(&db, "notes", vec![]).await;
    put(&db.store, "notes", "n", json!({"n": 1})).await.unwrap();
    for _ in 0..3 {
        let reads: Vec<_> = (0..40).map(|_| db.store.inspect(single("notes", "n".to_owned()))).collect();
        for read in futures_util::future::join_all(reads).await {
            assert_eq!(read.unwrap(), Some(1));
        }
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        db.execute(others).await;
    }
    db.store.close().await;
    let late = db.store.inspect(single("notes", "n".to_owned()));
    let late = tokio::time::timeout(Duration::from_secs(5), late).await.expect("at once");
    assert_eq!(late.unwrap_err().code(), Code::Unavailable);
}
