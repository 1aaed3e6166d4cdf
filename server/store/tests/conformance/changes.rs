//! The log: total order, nothing missed, retention.

use std::time::Duration;

use basalt_core::{Clock as _, Code, CollectionName, Seq, Timestamp};
use basalt_store::testkit::{Faults, TestDb, both};
use basalt_store::{DurableReader, LogOf, LogRead, Store, Writes};
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
    let small = |options: &mut basalt_store::Options| options.log_limits.max_bytes = 50_000;
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

/// Puts a durable reader at a place.
async fn place_reader(db: &TestDb, name: &str, seq: Seq, moved_at: Option<Timestamp>) {
    let log = db.store.log_id().to_owned();
    let reader = DurableReader { name: name.into(), log, seq, moved_at, broken_at: None };
    let cells = vec![reader.write()];
    let write = by(move |_| basalt_store::Step::Done(Writes { cells: cells.clone(), ..writes() }, ()));
    db.store.commit(write).await.unwrap();
}

async fn reader(db: &TestDb, name: &str) -> DurableReader {
    db.store.readers().await.unwrap().into_iter().find(|reader| reader.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_waits_for_its_durable_readers() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let (_, first) = db.store.commit(increment("notes", "a")).await.unwrap();
        let (_, second) = db.store.commit(increment("notes", "a")).await.unwrap();
        let (first, second) = (first.seq().unwrap(), second.seq().unwrap());
        place_reader(&db, "own", first, None).await;
        place_reader(&db, "outside", 0, Some(db.clock.now())).await;
        db.clock.advance(Duration::from_hours(29 * 24));
        db.maintain().await;
        assert_eq!(db.store.changes(0, 10).await.unwrap().len(), 2, "the reader from outside has not read it");
        // Who does not move for long is not waited for any more, but for a reader of the server's own.
        db.clock.advance(Duration::from_hours(2 * 24));
        db.maintain().await;
        assert_eq!(db.store.changes(0, 10).await.unwrap_err().code(), Code::CursorExpired);
        assert_eq!(db.store.changes(first, 10).await.unwrap().len(), 1);
        place_reader(&db, "own", second, None).await;
        db.maintain().await;
        assert!(db.store.changes(second, 10).await.unwrap().is_empty());
        assert_eq!(db.store.log_stats().await.unwrap().trimmed, second);
        assert_eq!(reader(&db, "own").await.broken_at, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_its_hard_limit_the_log_waits_for_nobody_and_says_so() {
    let small = |options: &mut basalt_store::Options| {
        (options.log_limits.max_bytes, options.log_limits.hard_max_bytes) = (20_000, 60_000);
    };
    let faults = Faults::default();
    for db in [TestDb::sqlite_with(small, &faults).await, TestDb::postgres_with(small, &faults).await] {
        define(&db, "notes", vec![]).await;
        place_reader(&db, "own", 0, None).await;
        let fill = async |from: usize, to: usize| {
            for n in from..to {
                put(&db.store, "notes", &format!("n{n}"), json!({"x": "x".repeat(1_000)})).await.unwrap();
            }
            db.maintain().await;
        };
        fill(0, 30).await;
        assert_eq!(db.store.changes(0, 1_000).await.unwrap().len(), 30, "over its size, but the reader holds it");
        fill(30, 100).await;
        assert_eq!(db.store.changes(0, 1_000).await.unwrap_err().code(), Code::CursorExpired);
        let stats = db.store.log_stats().await.unwrap();
        assert!(stats.bytes <= 60_000, "{stats:?}");
        let broken = reader(&db, "own").await;
        assert_eq!(broken.broken_at, Some(db.clock.now()));
        assert!(!db.store.waits_for(&broken));
        // A broken one is not waited for: the log goes back to its size.
        db.maintain().await;
        assert!(db.store.log_stats().await.unwrap().bytes <= 20_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_the_log_are_bounded_and_say_up_to_where_they_tell_all() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        define(&db, "posts", vec![]).await;
        for n in 0..10 {
            put(&db.store, "notes", &format!("n{n}"), json!({"x": "x".repeat(1_000)})).await.unwrap();
            put(&db.store, "posts", &format!("p{n}"), json!({"x": 1})).await.unwrap();
        }
        let end = *db.store.log_end().borrow();
        let read = |since, rows, bytes, names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| CollectionName::parse(name).unwrap()).collect();
            let of = if names.is_empty() { LogOf::All } else { LogOf::Collections(names) };
            let (store, read) = (db.store.clone(), LogRead { since, of, rows, bytes });
            async move { store.read_log(&read).await.unwrap() }
        };
        let notes = read(0, 4, 1 << 20, &["notes"]).await;
        assert_eq!((notes.changes.len(), notes.through, notes.end), (4, notes.changes[3].seq, end));
        assert!(notes.changes.iter().all(|change| change.collection.as_str() == "notes"));
        let rest = read(notes.through, 100, 1 << 20, &["notes"]).await;
        assert_eq!((rest.changes.len(), rest.through), (6, end), "nothing of other collections is left to tell");
        let large = read(0, 100, 2_500, &["notes"]).await;
        assert_eq!((large.changes.len(), large.through), (3, large.changes[2].seq));
        let both = read(0, 100, 1 << 20, &["notes", "posts"]).await;
        assert_eq!((both.changes.len(), both.through), (20, end));
        assert!(both.changes.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        let one = read(0, 100, 1, &[]).await;
        assert_eq!((one.changes.len(), one.through), (1, one.changes[0].seq), "one is read, however large");
        assert_eq!(read(end, 100, 1, &[]).await.through, end);
    })
    .await;
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
