//! Small values with a life.

use std::time::Duration;

use basalt_core::{Clock, Code, Error};
use basalt_store::testkit::{TestDb, both};
use basalt_store::{CellKey, CellWrite, Decide, Read, Step, View, Writes};
use serde_json::{Value, json};

use crate::common::*;

fn count_up(key: &str) -> impl Decide<Out = i64> {
    let key = CellKey::new("count", key);
    by(move |view: &View| match view.cell(&key) {
        None => Step::Need(vec![Read::Cell(key.clone())]),
        Some(cell) => {
            let n = cell.and_then(|cell| cell.value.as_i64()).unwrap_or(0) + 1;
            let put = CellWrite::Put { key: key.clone(), value: json!(n), expires_at: None };
            Step::Done(Writes { cells: vec![put], ..writes() }, n)
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_at_once_are_exact() {
    both(|db| async move {
        let tasks: Vec<_> = (0..64)
            .map(|task| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    for _ in 0..5 {
                        store.commit(count_up(if task % 2 == 0 { "even" } else { "odd" })).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        for key in ["even", "odd"] {
            let cell = db.store.cell(&CellKey::new("count", key)).await.unwrap().unwrap();
            assert_eq!(cell.value, json!(160));
        }
        assert!(db.store.changes(0, 10).await.unwrap().is_empty(), "cells are not logged");
    })
    .await;
}

/// Takes a place that has to be free.
fn claim(key: &str) -> impl Decide<Out = ()> {
    let key = CellKey::new("claim", key);
    by(move |view: &View| match view.cell(&key) {
        None => Step::Need(vec![Read::Cell(key.clone())]),
        Some(Some(_)) => Step::Refuse(Error::new(Code::ConditionFailed, "taken")),
        Some(None) => {
            let put = CellWrite::Put { key: key.clone(), value: json!(1), expires_at: None };
            Step::Done(Writes { cells: vec![put], ..writes() }, ())
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_claim_a_free_cell_exactly_one_gets_it() {
    both(|db| async move {
        for round in 0..20 {
            let tasks: Vec<_> = (0..16)
                .map(|_| {
                    let store = db.store.clone();
                    tokio::spawn(async move { store.commit(claim(&format!("c{round}"))).await.is_ok() })
                })
                .collect();
            let mut won = 0;
            for task in tasks {
                won += usize::from(task.await.unwrap());
            }
            assert_eq!(won, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_is_over_reads_as_absent_and_is_swept() {
    both(|db| async move {
        let key = |key: &str| CellKey::new("codes", key);
        let soon = db.clock.now().plus(Duration::from_mins(1));
        set_cell(&db.store, key("soon"), Some(json!({"code": 1})), Some(soon)).await;
        set_cell(&db.store, key("ever"), Some(json!("x")), None).await;
        assert_eq!(db.store.cell(&key("soon")).await.unwrap().unwrap().expires_at, Some(soon));
        db.maintain().await;
        assert!(db.store.cell(&key("soon")).await.unwrap().is_some());

        db.clock.advance(Duration::from_mins(1));
        assert!(db.store.cell(&key("soon")).await.unwrap().is_none());
        let seen = db.store.inspect(by(move |view: &View| match view.cell(&CellKey::new("codes", "soon")) {
            None => Step::Need(vec![Read::Cell(CellKey::new("codes", "soon"))]),
            Some(cell) => Step::Done(writes(), cell.is_some()),
        }));
        assert!(!seen.await.unwrap());
        db.store.commit(count_up("x")).await.unwrap();
        db.maintain().await;
        let left = db.select("SELECT cell_key FROM cells WHERE space IN ('codes', 'count') ORDER BY cell_key").await;
        assert_eq!(left, ["ever", "x"]);
        // It may be taken anew.
        set_cell(&db.store, key("soon"), Some(json!(2)), None).await;
        assert_eq!(db.store.cell(&key("soon")).await.unwrap().unwrap().value, json!(2));
        set_cell(&db.store, key("soon"), None, None).await;
        assert!(db.store.cell(&key("soon")).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_holds_any_json() {
    both(|db| async move {
        let key = CellKey::new("any", "key / with ' odd \u{10ffff} letters");
        for value in [json!(null), json!([1, {"a": "é"}]), json!(1.5e300), Value::String("x".repeat(100_000))] {
            set_cell(&db.store, key.clone(), Some(value.clone()), None).await;
            assert_eq!(db.store.cell(&key).await.unwrap().unwrap().value, value);
        }
    })
    .await;
}

/// Removes a cell if it holds this.
fn remove_if(key: &str, value: i64) -> impl Decide<Out = bool> {
    let key = CellKey::new("claim", key);
    by(move |view: &View| match view.cell(&key) {
        None => Step::Need(vec![Read::Cell(key.clone())]),
        Some(cell) => {
            let goes = cell.is_some_and(|cell| cell.value == json!(value));
            let cells = if goes { vec![CellWrite::Delete { key: key.clone() }] } else { vec![] };
            Step::Done(Writes { cells, ..writes() }, goes)
        }
    })
}

/// A delete that has looked goes before the put, or finds out: the put is never lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_is_put_without_looking_survives_a_delete_that_looked() {
    both(|db| async move {
        let key = CellKey::new("claim", "k");
        for _ in 0..100 {
            set_cell(&db.store, key.clone(), Some(json!(0)), None).await;
            let (removed, ()) = tokio::join!(
                db.store.commit(remove_if("k", 0)),
                set_cell(&db.store, key.clone(), Some(json!(1)), None)
            );
            removed.unwrap();
            assert_eq!(db.store.cell(&key).await.unwrap().unwrap().value, json!(1));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_cells_are_swept_is_there() {
    both(|db| async move {
        let over = db.clock.now();
        let sweep = async {
            loop {
                db.maintain().await;
            }
        };
        let write = async {
            for n in 0..150 {
                // Each place holds what is over, which the sweep is about to take.
                let key = CellKey::new("claim", format!("s{}", n % 3));
                set_cell(&db.store, key.clone(), Some(json!("over")), Some(over)).await;
                set_cell(&db.store, key.clone(), Some(json!(n)), None).await;
                assert_eq!(db.store.cell(&key).await.unwrap().expect("it was written").value, json!(n));
            }
        };
        tokio::select! {
            () = sweep => {}
            () = write => {}
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_that_lose_leave_no_placeholders() {
    let db = TestDb::postgres().await;
    let other = basalt_store::Store::open(db.options()).await.unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let store = if task % 2 == 0 { db.store.clone() } else { other.clone() };
            tokio::spawn(async move {
                for round in 0..20 {
                    // Two places a claim: those that conflict in one leave the other alone.
                    let claims = [claim(&format!("shared{round}")), claim(&format!("own{task}_{round}"))];
                    for claim in claims {
                        drop(store.commit(claim).await);
                    }
                    store.commit(count_up("hot")).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(db.select("SELECT count(*) FROM cells WHERE space = 'claim' AND version > 0").await, ["Int(340)"]);
    assert_eq!(db.select("SELECT count(*) FROM cells WHERE version = 0").await, ["Int(0)"]);
    assert_eq!(db.store.cell(&CellKey::new("count", "hot")).await.unwrap().unwrap().value, json!(320));
    other.close().await;
}
