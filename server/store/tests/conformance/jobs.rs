//! The durable queue: order, leases, fencing.

use std::collections::BTreeSet;
use std::time::Duration;

use basalt_core::Clock;
use basalt_store::Store;
use basalt_store::jobs::Job;
use basalt_store::testkit::{TestDb, both};
use serde_json::json;

use crate::common::*;

const MINUTE: Duration = Duration::from_mins(1);

async fn claim(store: &Store, limit: u32, lease: Duration) -> Vec<Job> {
    store.claim_jobs(&["work"], limit, lease).await.unwrap()
}

fn names(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.payload["n"].as_str().unwrap()).collect()
}

/// Lets a lease run out: SQLite's run by the node's clock, PostgreSQL's by the database's.
async fn outlive(db: &TestDb, lease: Duration) {
    db.clock.advance(lease);
    if !db.is_sqlite() {
        tokio::time::sleep(lease).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_claimed_once_and_gone_when_done() {
    both(|db| async move {
        enqueue(
            &db.store,
            vec![job("work", Some("a"), None), job("work", Some("b"), None), job("play", Some("c"), None)],
        )
        .await;
        let jobs = claim(&db.store, 10, MINUTE).await;
        assert_eq!(names(&jobs), ["a", "b"]);
        assert!(jobs.iter().all(|job| job.attempt == 1 && job.kind == "work"));
        assert!(claim(&db.store, 10, MINUTE).await.is_empty());
        assert_eq!(db.store.complete_jobs(&jobs).await.unwrap(), Vec::<i64>::new());
        outlive(&db, Duration::from_millis(10)).await;
        assert!(claim(&db.store, 10, MINUTE).await.is_empty());
        assert_eq!(db.store.claim_jobs(&["play", "work"], 10, MINUTE).await.unwrap().len(), 1);
        assert!(db.store.claim_jobs(&[], 10, MINUTE).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_unique_while_its_job_is_open() {
    both(|db| async move {
        enqueue(&db.store, vec![job("work", Some("a"), None), job("work", Some("a"), None)]).await;
        enqueue(&db.store, vec![job("work", Some("a"), None), job("work", None, None), job("work", None, None)]).await;
        let jobs = claim(&db.store, 10, MINUTE).await;
        assert_eq!(jobs.len(), 3);
        db.store.complete_jobs(&jobs).await.unwrap();
        enqueue(&db.store, vec![job("work", Some("a"), None)]).await;
        assert_eq!(claim(&db.store, 10, MINUTE).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_order_only_the_oldest_open_job_is_claimed() {
    both(|db| async move {
        let in_order = |name, order| job("work", Some(name), Some(order));
        enqueue(&db.store, vec![in_order("a1", "a"), in_order("b1", "b"), in_order("a2", "a"), in_order("a3", "a")])
            .await;
        let heads = claim(&db.store, 10, 10 * MINUTE).await;
        assert_eq!(names(&heads), ["a1", "b1"]);
        // A head that failed and waits for its next try still holds up what follows.
        assert!(db.store.retry_job(&heads[0], db.clock.now().plus(MINUTE), "later").await.unwrap());
        assert!(claim(&db.store, 10, MINUTE).await.is_empty());
        db.clock.advance(MINUTE);
        let again = claim(&db.store, 10, MINUTE).await;
        assert_eq!((names(&again), again[0].attempt), (vec!["a1"], 2));
        db.store.complete_jobs(&again).await.unwrap();
        assert_eq!(names(&claim(&db.store, 10, MINUTE).await), ["a2"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_lease_passes_the_job_on_and_fences_its_former_holder() {
    both(|db| async move {
        let lease = Duration::from_millis(300);
        enqueue(&db.store, vec![job("work", Some("a"), None)]).await;
        let first = claim(&db.store, 10, lease).await;
        outlive(&db, lease).await;
        let second = claim(&db.store, 10, MINUTE).await;
        assert_eq!((second.len(), second[0].attempt), (1, 2));
        assert!(second[0].token > first[0].token);
        assert_eq!(db.store.complete_jobs(&first).await.unwrap(), [first[0].id], "the old token does nothing");
        assert!(!db.store.retry_job(&first[0], db.clock.now(), "x").await.unwrap());
        assert!(db.store.complete_jobs(&second).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_renewed_lasts() {
    both(|db| async move {
        let lease = Duration::from_millis(300);
        enqueue(&db.store, vec![job("work", Some("a"), None)]).await;
        let first = claim(&db.store, 10, lease).await;
        assert!(db.store.renew_job(&first[0], MINUTE).await.unwrap());
        outlive(&db, lease).await;
        assert!(claim(&db.store, 10, MINUTE).await.is_empty(), "it is held on");
        assert!(db.store.renew_job(&first[0], Duration::ZERO).await.unwrap());
        outlive(&db, Duration::from_millis(10)).await;
        assert_eq!(claim(&db.store, 10, MINUTE).await.len(), 1);
        assert!(!db.store.renew_job(&first[0], MINUTE).await.unwrap(), "it is another's");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_its_time() {
    both(|db| async move {
        let mut later = job("work", Some("later"), None);
        later.run_at = db.clock.now().plus(MINUTE);
        enqueue(&db.store, vec![later, job("work", Some("now"), None)]).await;
        assert_eq!(names(&claim(&db.store, 10, MINUTE).await), ["now"]);
        db.clock.advance(MINUTE);
        assert!(names(&claim(&db.store, 10, MINUTE).await).contains(&"later"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claimers_at_once_share_nothing() {
    both(|db| async move {
        let all: Vec<String> = (0..200).map(|n| format!("j{n}")).collect();
        enqueue(&db.store, all.iter().map(|name| job("work", Some(name), None)).collect()).await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    loop {
                        let jobs = claim(&store, 7, MINUTE).await;
                        if jobs.is_empty() {
                            return mine;
                        }
                        mine.extend(names(&jobs).into_iter().map(str::to_owned));
                        assert!(store.complete_jobs(&jobs).await.unwrap().is_empty());
                    }
                })
            })
            .collect();
        let mut claimed = Vec::new();
        for task in tasks {
            claimed.extend(task.await.unwrap());
        }
        assert_eq!(claimed.len(), 200);
        assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>().len(), 200);
        assert_eq!(json!(db.select("SELECT count(*) FROM jobs").await), json!(["Int(0)"]));
    })
    .await;
}
