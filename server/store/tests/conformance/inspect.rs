//! Reading what belongs together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use basalt_core::Code;
use basalt_store::testkit::both;
use basalt_store::{Decide, DocumentWrite, Read, Step, View, Writes};
use serde_json::{Value, json};

use crate::common::*;

/// Adds one to both of two documents, which so stay equal.
fn both_up() -> impl Decide<Out = ()> {
    let rev = next_rev();
    by(move |view: &View| {
        let mut documents = Vec::new();
        for at in ["a", "b"] {
            let Some(previous) = view.document(&name("pairs"), &id(at)) else {
                let read = |at| Read::Document { collection: name("pairs"), id: id(at) };
                return Step::Need(vec![read("a"), read("b")]);
            };
            let n = previous.map_or(0, |document| document.data["n"].as_i64().unwrap());
            let document = Arc::new(document(at, &rev, json!({"n": n + 1})));
            documents.push(DocumentWrite::Put { collection: name("pairs"), document, previous: previous.cloned() });
        }
        Step::Done(Writes { documents, ..writes() }, ())
    })
}

/// Looks at one document, and in a second round at the other.
fn look_twice() -> impl Decide<Out = (Value, Value)> {
    by(|view: &View| {
        let n = |at: &str| {
            view.document(&name("pairs"), &id(at)).map(|found| found.map_or(json!(0), |found| found.data["n"].clone()))
        };
        let need = |at| Step::Need(vec![Read::Document { collection: name("pairs"), id: id(at) }]);
        match (n("a"), n("b")) {
            (None, _) => need("a"),
            (_, None) => need("b"),
            (Some(a), Some(b)) => Step::Done(writes(), (a, b)),
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_rounds_of_an_inspection_see_one_state() {
    both(|db| async move {
        define(&db, "pairs", vec![]).await;
        let done = Arc::new(AtomicBool::new(false));
        let writer = {
            let (store, done) = (db.store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut count = 0;
                while !done.load(Ordering::Relaxed) {
                    store.commit(both_up()).await.unwrap();
                    count += 1;
                }
                count
            })
        };
        for _ in 0..300 {
            let (a, b) = db.store.inspect(look_twice()).await.unwrap();
            assert_eq!(a, b);
            // A commit that writes nothing promises the same.
            let ((a, b), _) = db.store.commit(look_twice()).await.unwrap();
            assert_eq!(a, b);
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.await.unwrap() > 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inspection_of_many_documents_finds_them_all() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        for n in 0..100 {
            put(&db.store, "notes", &format!("n{n}"), json!({"n": n})).await.unwrap();
        }
        let sum = db.store.inspect(by(|view: &View| {
            let read = |n| Read::Document { collection: name("notes"), id: id(&format!("n{n}")) };
            let found = |n| view.document(&name("notes"), &id(&format!("n{n}")));
            if found(0).is_none() {
                return Step::Need((0..120).map(read).collect());
            }
            let sum: i64 =
                (0..120).filter_map(|n| found(n).unwrap()).map(|found| found.data["n"].as_i64().unwrap()).sum();
            Step::Done(writes(), sum)
        }));
        assert_eq!(sum.await.unwrap(), (0..100).sum::<i64>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inspection_does_not_write() {
    both(|db| async move {
        define(&db, "pairs", vec![]).await;
        assert_eq!(db.store.inspect(both_up()).await.unwrap_err().code(), Code::Internal);
        assert_eq!(get(&db.store, "pairs", "a").await, None);
        assert_eq!(db.store.document(&name("nowhere"), &id("a")).await.unwrap_err().code(), Code::CollectionNotFound);
    })
    .await;
}
