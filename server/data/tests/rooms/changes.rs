use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_core::{Actor, Change, Clock, Code, Timestamp};
use basalt_data::changes::{CURSOR_SPACE, Lag, Reader};
use basalt_store::testkit::{TestDb, both};
use basalt_store::{CellKey, Origin};
use serde_json::json;
use tokio::sync::watch;

use crate::world::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tail_misses_nothing_and_doubles_nothing() {
    both(|db| async move {
        let rooms = collections(&db).await;
        rooms.put(&owner(), &name("notes"), &json!({})).await.unwrap();
        let changes = log(&db);
        let mut tail = changes.tail(changes.end());
        let db = Arc::new(db);
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let db = Arc::clone(&db);
                tokio::spawn(async move {
                    for n in 0..50 {
                        put(&db, "notes", &format!("w{writer}-{n}"), json!({"n": n})).await;
                    }
                })
            })
            .collect();
        let mut seen = Vec::new();
        while seen.len() < 200 {
            seen.extend(tail.next().await.unwrap());
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert!(seen.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        let mut ids: Vec<_> = seen.iter().map(|change| change.id.to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 200);
        assert!(tail.next_if_any().await.unwrap().is_empty());
        assert_eq!(tail.position(), changes.end());
    })
    .await;
}

#[tokio::test]
async fn a_durable_reader_resumes_where_it_was() {
    both(|db| async move {
        let changes = log(&db);
        assert_eq!(changes.cursor("crm").await.unwrap(), None);
        let origin = Origin { actor: Actor::SYSTEM, request_id: "t".into(), at: Timestamp::from_millis(0) };
        changes.move_cursor("crm", 7, origin).await.unwrap();
        drop(changes);
        let db = db.reopen().await;
        let changes = log(&db);
        assert_eq!(changes.cursor("crm").await.unwrap(), Some(7));
        assert_eq!(changes.cursor("other").await.unwrap(), None);
        assert!(db.store.cell(&CellKey::new(CURSOR_SPACE, "crm")).await.unwrap().is_some());
    })
    .await;
}

/// Remembers what it was fed.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn pages(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Reader for Diary {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        self.0.lock().unwrap().extend(changes.iter().map(|change| change.id.to_string()));
    }

    fn reset(&mut self) {
        self.0.lock().unwrap().push("reset".to_owned());
    }
}

#[tokio::test]
async fn a_follower_is_fed_until_it_is_stopped() {
    both(|db| async move {
        let rooms = collections(&db).await;
        rooms.put(&owner(), &name("notes"), &json!({})).await.unwrap();
        let changes = log(&db);
        let (stop, stopped) = watch::channel(false);
        let (diary, lag) = (Diary::default(), Lag::new(Timestamp::from_millis(0)));
        let since = changes.end();
        let (clock, mut reader, follower_lag) = (Arc::clone(&db.clock), diary.clone(), lag.clone());
        let follower = tokio::spawn(async move {
            changes.follow(since, &mut reader, clock.as_ref(), &follower_lag, stopped).await;
        });
        put(&db, "notes", "a", json!({})).await;
        put(&db, "notes", "b", json!({})).await;
        let caught_up = async {
            while diary.pages().len() < 2 || lag.behind(db.clock.now()) > Duration::ZERO {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), caught_up).await.unwrap();
        stop.send(true).unwrap();
        follower.await.unwrap();
        put(&db, "notes", "c", json!({})).await;
        assert_eq!(diary.pages(), ["a", "b"]);
    })
    .await;
}

/// A clock that writes a document at each look, and goes on by a second: under it no read of the log is ever empty.
struct Busy {
    db: Arc<TestDb>,
    looks: AtomicI64,
}

impl Busy {
    fn last(&self) -> Timestamp {
        Timestamp::from_millis(self.looks.load(Ordering::SeqCst) * 1_000)
    }
}

impl Clock for Busy {
    fn now(&self) -> Timestamp {
        let look = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
        let id = format!("n{look}");
        let write = put(&self.db, "notes", &id, json!({}));
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(write));
        self.last()
    }
}

/// Says stop once the follower is up to date as of a time, or after a number of changes.
struct Waiting {
    lag: Lag,
    at: Timestamp,
    left: usize,
    stop: watch::Sender<bool>,
}

impl Reader for Waiting {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        self.left = self.left.saturating_sub(changes.len());
        if self.left == 0 || self.lag.behind(self.at).is_zero() {
            self.stop.send(true).unwrap();
        }
    }

    fn reset(&mut self) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_is_up_to_date_under_a_steady_writer_too() {
    both(|db| async move {
        let rooms = collections(&db).await;
        rooms.put(&owner(), &name("notes"), &json!({})).await.unwrap();
        let changes = log(&db);
        let clock = Busy { db: Arc::new(db), looks: AtomicI64::new(0) };
        let (stop, stopped) = watch::channel(false);
        let lag = Lag::new(Timestamp::from_millis(0));
        let at = Timestamp::from_millis(20_000);
        let mut reader = Waiting { lag: lag.clone(), at, left: 20_000, stop };
        changes.follow(changes.end(), &mut reader, &clock, &lag, stopped).await;
        assert!(clock.last() >= at);
        assert_eq!(lag.behind(at), Duration::ZERO, "not after {} changes", 20_000 - reader.left);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_of_another_log_is_expired() {
    both(|db| async move {
        let changes = log(&db);
        let write = changes.cursor_write("crm", 7);
        let basalt_store::CellWrite::Put { key, mut value, expires_at } = write else { panic!("a cursor is put") };
        value["log"] = json!("another");
        let cell = basalt_store::CellWrite::Put { key, value, expires_at };
        db.store.commit(Cells(vec![cell])).await.unwrap();
        assert_eq!(changes.cursor("crm").await.unwrap_err().code(), Code::CursorExpired);
    })
    .await;
}

struct Cells(Vec<basalt_store::CellWrite>);

impl basalt_store::Decide for Cells {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, _: &basalt_store::View) -> basalt_store::Step<()> {
        let origin = Origin { actor: Actor::SYSTEM, request_id: "t".into(), at: Timestamp::from_millis(0) };
        let writes = basalt_store::Writes { documents: Vec::new(), cells: self.0.clone(), jobs: Vec::new(), origin };
        basalt_store::Step::Done(writes, ())
    }
}
