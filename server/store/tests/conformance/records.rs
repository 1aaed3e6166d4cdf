//! Observations: kept for a time, never in anyone's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use basalt_core::Clock;
use basalt_store::records::{Record, RecordScan};
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
async fn records_are_looked_through_from_a_place_on_in_both_directions() {
    both(|db| async move {
        let start = db.clock.now();
        let at = |n: u64| start.plus(Duration::from_secs(n));
        let before = db.store.last_record().await.unwrap();
        // Two of each moment: the place is one record, not a moment.
        for n in 0..10 {
            db.store.record(Record { kind: "calls".into(), at: at(n / 2), body: json!(n) });
            db.store.record(Record { kind: "others".into(), at: at(n / 2), body: json!(100 + n) });
        }
        let mut scan = RecordScan { kind: "calls", from: at(1), to: at(5), before: None, limit: 3 };
        let mut seen = Vec::new();
        loop {
            let page = db.store.scan_records(&scan).await.unwrap();
            let Some(last) = page.last() else { break };
            scan.before = Some((last.at, last.id));
            seen.extend(page.iter().map(|record| record.body.clone()));
        }
        assert_eq!(seen, ["9", "8", "7", "6", "5", "4", "3", "2"]);
        let all = db.store.records_after("calls", before, 100).await.unwrap();
        assert_eq!(all.iter().map(|record| record.body.as_str()).collect::<Vec<_>>().concat(), "0123456789");
        let later = db.store.records_after("calls", all[6].id, 2).await.unwrap();
        assert_eq!(later.iter().map(|record| record.body.as_str()).collect::<Vec<_>>(), ["7", "8"]);
        assert!(db.store.last_record().await.unwrap() > all[9].id);
    })
    .await;
}

/// Counts what one counter is told, on the thread that it is installed on.
struct Counted(Arc<AtomicU64>);

impl metrics::Recorder for Counted {
    fn describe_counter(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}

    fn describe_gauge(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}

    fn describe_histogram(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}

    fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        if key.name() == "basalt_records_dropped_total" {
            metrics::Counter::from_arc(Arc::clone(&self.0))
        } else {
            metrics::Counter::noop()
        }
    }

    fn register_gauge(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::noop()
    }

    fn register_histogram(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::noop()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_records_is_dropped_and_counted_rather_than_waited_for() {
    both(|db| async move {
        let (now, dropped) = (db.clock.now(), Arc::new(AtomicU64::new(0)));
        metrics::with_local_recorder(&Counted(Arc::clone(&dropped)), || {
            for n in 0..100_000 {
                db.store.record(Record { kind: "flood".into(), at: now, body: json!(n) });
            }
        });
        let kept = db.store.records("flood", now, now.plus(Duration::from_secs(1)), 10_000).await.unwrap();
        assert!(!kept.is_empty());
        let dropped = dropped.load(Ordering::SeqCst);
        assert!(dropped > 0, "the queue holds them all");
        if kept.len() < 10_000 {
            assert_eq!(kept.len() as u64 + dropped, 100_000, "each is kept or counted");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_records_that_are_too_old_go_though_none_comes() {
    both(|db| async move {
        let start = db.clock.now();
        // More than one step removes.
        for n in 0..9_500 {
            db.store.record(Record { kind: "requests".into(), at: start, body: json!(n) });
        }
        let later = start.plus(Duration::from_hours(8 * 24));
        assert_eq!(db.store.records("requests", start, later, 10_000).await.unwrap().len(), 9_500);
        db.clock.advance(Duration::from_hours(8 * 24));
        // A writer that has just started looks at once.
        let db = db.reopen().await;
        db.store.record(Record { kind: "requests".into(), at: later, body: json!("new") });
        let end = later.plus(Duration::from_secs(1));
        let gone = async {
            while db.store.records("requests", start, end, 10_000).await.unwrap().len() > 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), gone).await.expect("they go");
        assert_eq!(db.store.records("requests", start, end, 10).await.unwrap()[0].body, json!("new"));
    })
    .await;
}
