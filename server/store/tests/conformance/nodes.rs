//! Several nodes on one PostgreSQL database.

use std::time::Duration;

use basalt_store::decide::is_stale_epoch;
use basalt_store::testkit::{Faults, TestDb};
use basalt_store::{CatalogChange, IndexState, Step, Store, View};
use serde_json::json;

use crate::common::*;

async fn two_nodes() -> (TestDb, Store) {
    let db = TestDb::postgres().await;
    let other = Store::open(db.options()).await.unwrap();
    (db, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_learn_of_each_others_definitions() {
    let (db, other) = two_nodes().await;
    let mut catalog = other.catalog_changes();
    define(&db, "notes", vec![]).await;
    tokio::time::timeout(Duration::from_secs(5), catalog.changed()).await.expect("within seconds").unwrap();
    put(&other, "notes", "n", json!({})).await.unwrap();
    assert_eq!(other.log_id(), db.store.log_id());
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_the_log_misses_nothing_whoever_wrote_it() {
    let (db, other) = two_nodes().await;
    define(&db, "notes", vec![]).await;
    let mut catalog = other.catalog_changes();
    tokio::time::timeout(Duration::from_secs(5), catalog.wait_for(|catalog| catalog.epoch > 0))
        .await
        .expect("within seconds")
        .expect("a store");
    let followers = [db.store.clone(), other.clone()].map(|store| {
        tokio::spawn(async move {
            let (mut seqs, mut ends) = (Vec::new(), store.log_end());
            while seqs.len() < 200 {
                ends.borrow_and_update();
                let since = seqs.last().copied().unwrap_or_default();
                let news = match store.own_news(since, 7).await {
                    Some(own) => own,
                    None => store.changes(since, 7).await.unwrap(),
                };
                if news.is_empty() {
                    ends.changed().await.unwrap();
                }
                seqs.extend(news.iter().map(|change| change.seq));
            }
            seqs
        })
    });
    let writers = (0..4).map(|writer| {
        let store = if writer % 2 == 0 { db.store.clone() } else { other.clone() };
        tokio::spawn(async move {
            for n in 0..50 {
                put(&store, "notes", &format!("w{writer}n{n}"), json!({})).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let wanted: Vec<u64> = db.store.changes(0, 1_000).await.unwrap().iter().map(|change| change.seq).collect();
    assert_eq!(wanted.len(), 200);
    for follower in followers {
        assert_eq!(tokio::time::timeout(Duration::from_secs(20), follower).await.expect("in time").unwrap(), wanted);
    }
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_reach_the_other_node_in_order_and_not_oneself() {
    let (db, other) = two_nodes().await;
    let (here, there) = (db.store.signals().unwrap(), other.signals().unwrap());
    let mut hints = there.hints();
    let mut place = there.end().await.unwrap();
    for n in 0..3 {
        here.send("a", format!("{n}")).await.unwrap();
    }
    tokio::time::timeout(Duration::from_secs(5), hints.changed()).await.expect("within seconds").unwrap();
    let heard = there.read("b", place).await.unwrap();
    let bodies: Vec<&str> = heard.signals.iter().map(|signal| signal.body.as_str()).collect();
    assert_eq!((bodies, heard.more, heard.missed), (vec!["0", "1", "2"], false, false));
    place = heard.place;
    assert!(there.read("b", place).await.unwrap().signals.is_empty());
    let own = here.read("a", 0).await.unwrap();
    assert!(own.signals.is_empty() && own.place == place, "{own:?}");
    here.trim().await.unwrap();
    assert_eq!(here.read("b", 0).await.unwrap().signals.len(), 3, "kept for seconds");
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_missed_a_signal_is_told_so() {
    let (db, other) = two_nodes().await;
    let (here, there) = (db.store.signals().unwrap(), other.signals().unwrap());
    for n in 0..4 {
        here.send("a", format!("{n}")).await.unwrap();
    }
    let first = there.read("b", 0).await.unwrap();
    assert_eq!((first.signals.len(), first.missed), (4, false));
    db.execute("DELETE FROM signals WHERE seq <= 2").await;
    let late = there.read("b", 0).await.unwrap();
    assert_eq!((late.signals.len(), late.missed), (2, true));
    assert!(!there.read("b", 2).await.unwrap().missed, "what he had read may be gone");
    // A crash empties the table, and its numbers begin anew.
    db.execute("TRUNCATE signals RESTART IDENTITY").await;
    here.send("a", "anew".into()).await.unwrap();
    let anew = there.read("b", first.place).await.unwrap();
    assert_eq!((anew.place, anew.missed, anew.more), (0, true, true));
    assert_eq!(there.read("b", anew.place).await.unwrap().signals[0].body, "anew");
    other.close().await;
}

#[tokio::test]
async fn sqlite_has_no_other_node_to_signal_to() {
    assert!(TestDb::sqlite().await.store.signals().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_behind_neither_writes_nor_defines_under_the_old_epoch() {
    let (db, other) = two_nodes().await;
    define(&db, "notes", vec![]).await;
    // Until it commits or hears of it, the other node may still be at the old epoch: whatever it knows, the commit finds out.
    let old = other.catalog().epoch;
    let under_old = By { epoch: Some(0), step: |_: &View| Step::Done(writes(), ()) };
    if old == 0 {
        let put = CatalogChange::Put { name: name("others"), definition: json!({}), indexes: vec![] };
        assert!(is_stale_epoch(&other.define(0, vec![put]).await.unwrap_err()));
    }
    put(&other, "notes", "n", json!({"by": "other"})).await.unwrap_or_else(|error| {
        // The collection is unknown until the catalog is learnt.
        assert_eq!(error.code(), basalt_core::Code::CollectionNotFound);
    });
    tokio::time::timeout(Duration::from_secs(5), async {
        while other.catalog().epoch == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    assert!(is_stale_epoch(&other.commit(under_old).await.unwrap_err()));
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_of_two_nodes_on_one_document_are_exact_with_the_lock_and_without() {
    // One node takes the lock before it reads, as those do who meet too often.
    let db = TestDb::postgres_with(|_| {}, &Faults::under_lock()).await;
    let other = Store::open(db.options()).await.unwrap();
    define(&db, "counters", vec![]).await;
    wait_for_epoch(&other, db.store.catalog().epoch).await;
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let store = if n % 2 == 0 { db.store.clone() } else { other.clone() };
            tokio::spawn(async move {
                for _ in 0..10 {
                    store.commit(increment("counters", "hot")).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(get(&db.store, "counters", "hot").await.unwrap().data["n"], json!(640));
    assert!(db.locked_groups() > 0);
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_one_node_wakes_the_other() {
    let (db, other) = two_nodes().await;
    define(&db, "notes", vec![]).await;
    let mut end = other.log_end();
    put(&db.store, "notes", "n", json!({})).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), end.changed()).await.expect("within seconds").unwrap();
    assert_eq!(*end.borrow(), other.changes(0, 10).await.unwrap().last().unwrap().seq);
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_built_while_both_nodes_write() {
    let (db, other) = two_nodes().await;
    define(&db, "notes", vec![]).await;
    wait_for_epoch(&other, db.store.catalog().epoch).await;
    for n in 0..1_200 {
        put(&db.store, "notes", &format!("n{n:05}"), json!({"n": n})).await.unwrap();
    }
    let writers: Vec<_> = [db.store.clone(), other.clone()]
        .into_iter()
        .enumerate()
        .map(|(node, store)| {
            tokio::spawn(async move {
                for n in 0..400 {
                    put(&store, "notes", &format!("n{:05}", n * 3 + node), json!({"n": n, "by": node})).await.unwrap();
                    put(&store, "notes", &format!("new{node}_{n}"), json!({"n": n})).await.unwrap();
                }
            })
        })
        .collect();
    define(&db, "notes", vec![ordered(&["n"])]).await;
    for writer in writers {
        writer.await.unwrap();
    }
    db.store.indexes_built().await.unwrap();
    assert_eq!(db.store.catalog().collections[&name("notes")].indexes[0].state, IndexState::Ready);
    assert_eq!(db.select("SELECT count(*) FROM c_1 WHERE k_1 IS NULL").await, ["Int(0)"]);
    check_keys(&db, "c_1", "k_1", "n").await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_reads_a_table_that_another_has_dropped_looks_again() {
    let (db, other) = two_nodes().await;
    for _ in 0..5 {
        define(&db, "notes", vec![]).await;
        wait_for_epoch(&other, db.store.catalog().epoch).await;
        let drop_it = CatalogChange::Drop { name: name("notes") };
        let read = async {
            loop {
                let read = || basalt_store::Read::Document { collection: name("notes"), id: id("n") };
                let inspected = other
                    .inspect(by(move |view: &View| match view.document(&name("notes"), &id("n")) {
                        None => Step::Need(vec![read()]),
                        Some(_) => Step::Done(writes(), ()),
                    }))
                    .await;
                let got = other.document(&name("notes"), &id("n")).await;
                if let Some(error) = inspected.err().or(got.err()) {
                    // Never that the definitions have just changed.
                    assert_eq!(error.code(), basalt_core::Code::CollectionNotFound, "{error:?}");
                    return;
                }
            }
        };
        let ((), dropped) = tokio::join!(read, db.store.define(db.store.catalog().epoch, vec![drop_it]));
        dropped.unwrap();
        db.store.indexes_built().await.unwrap();
    }
    other.close().await;
}

async fn wait_for_epoch(store: &Store, epoch: u64) {
    let mut catalog = store.catalog_changes();
    let reached = catalog.wait_for(|catalog| catalog.epoch >= epoch);
    tokio::time::timeout(Duration::from_secs(5), reached).await.expect("within seconds").unwrap();
}
