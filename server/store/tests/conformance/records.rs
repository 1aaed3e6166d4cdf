//! Observations: kept for a time, never in anyone's way.

use std::time::Duration;

use basalt_core::Clock;
use basalt_store::records::Record;
use basalt_store::testkit::both;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_read_newest_first_in_a_span_of_time() {
    both(|db| async move {
        let start = db.clock.now();
        let at = |n: u64| start.plus(Duration::from_secs(n));
        for n in 0..10 {
            db.store.record(Record { kind: "requests".into(), at: at(n), body: json!({"n": n}) });
        }
        db.store.record(Record { kind: "logs".into(), at: at(3), body: json!("é") });
        let read = db.store.records("requests", at(2), at(8), 3).await.unwrap();
        let numbers: Vec<_> = read.iter().map(|record| record.body["n"].as_i64().unwrap()).collect();
        assert_eq!(numbers, [7, 6, 5]);
        assert_eq!(db.store.records("logs", at(0), at(10), 9).await.unwrap()[0].body, json!("é"));
        let db = db.reopen().await;
        assert_eq!(db.store.records("requests", at(0), at(100), 100).await.unwrap().len(), 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_records_is_dropped_rather_than_waited_for() {
    both(|db| async move {
        let now = db.clock.now();
        for n in 0..100_000 {
            db.store.record(Record { kind: "flood".into(), at: now, body: json!(n) });
        }
        let kept = db.store.records("flood", now, now.plus(Duration::from_secs(1)), 10_000).await.unwrap();
        assert!(!kept.is_empty());
    })
    .await;
}
