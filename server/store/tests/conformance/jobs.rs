//! The durable queue: order, leases, fencing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_core::Clock;
use basalt_store::Store;
use basalt_store::jobs::{Again, Job, Queue};
use basalt_store::testkit::{TestDb, both};
use serde_json::json;

use crate::common::*;

const MINUTE: Duration = Duration::from_mins(1);

async fn claim(store: &Store, limit: u32, lease: Duration) -> Vec<Arc<Job>> {
    claim_kinds(store, &["work"], limit, lease).await
}

async fn claim_kinds(store: &Store, kinds: &[&str], limit: u32, lease: Duration) -> Vec<Arc<Job>> {
    store.claim_jobs(kinds, limit, lease).await.unwrap().into_iter().map(Arc::new).collect()
}

/// Removes what is done; those whose token no longer holds.
async fn complete(store: &Store, done: &[Arc<Job>]) -> Vec<i64> {
    store.settle_jobs(done, &[]).await.unwrap()
}

/// Puts a job back; whether its token holds.
async fn retry(db: &TestDb, job: &Arc<Job>, after: Duration) -> bool {
    let again = Again { job: Arc::clone(job), at: db.clock.now().plus(after), error: "later".into() };
    db.store.settle_jobs(&[], &[again]).await.unwrap().is_empty()
}

async fn renew(store: &Store, job: &Arc<Job>, lease: Duration) -> bool {
    store.renew_jobs(std::slice::from_ref(job), lease).await.unwrap().is_empty()
}

fn names(jobs: &[Arc<Job>]) -> Vec<&str> {
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
        assert_eq!(complete(&db.store, &jobs).await, Vec::<i64>::new());
        outlive(&db, Duration::from_millis(10)).await;
        assert!(claim(&db.store, 10, MINUTE).await.is_empty());
        assert_eq!(claim_kinds(&db.store, &["play", "work"], 10, MINUTE).await.len(), 1);
        assert!(claim_kinds(&db.store, &[], 10, MINUTE).await.is_empty());
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
        complete(&db.store, &jobs).await;
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
        assert!(retry(&db, &heads[0], MINUTE).await);
        assert!(claim(&db.store, 10, MINUTE).await.is_empty());
        db.clock.advance(MINUTE);
        let again = claim(&db.store, 10, MINUTE).await;
        assert_eq!((names(&again), again[0].attempt), (vec!["a1"], 2));
        complete(&db.store, &again).await;
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
        assert_eq!(complete(&db.store, &first).await, [first[0].id], "the old token does nothing");
        assert!(!retry(&db, &first[0], Duration::ZERO).await);
        assert!(complete(&db.store, &second).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_renewed_lasts() {
    both(|db| async move {
        let lease = Duration::from_millis(300);
        enqueue(&db.store, vec![job("work", Some("a"), None)]).await;
        let first = claim(&db.store, 10, lease).await;
        assert!(renew(&db.store, &first[0], MINUTE).await);
        outlive(&db, lease).await;
        assert!(claim(&db.store, 10, MINUTE).await.is_empty(), "it is held on");
        assert!(renew(&db.store, &first[0], Duration::ZERO).await);
        outlive(&db, Duration::from_millis(10)).await;
        assert_eq!(claim(&db.store, 10, MINUTE).await.len(), 1);
        assert!(!renew(&db.store, &first[0], MINUTE).await, "it is another's");
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
                        assert!(complete(&store, &jobs).await.is_empty());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_with_due_jobs_is_asked_about_and_gives_what_is_wanted() {
    both(|db| async move {
        let mut later = job("later", Some("l"), None);
        later.run_at = db.clock.now().plus(MINUTE);
        let mut jobs: Vec<_> = (0..5).map(|n| job("many", Some(&format!("m{n}")), None)).collect();
        jobs.extend([later, job("few", Some("f"), None), job("none", Some("n"), None)]);
        enqueue(&db.store, jobs).await;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let wanted = move |kind: &str| {
            seen.lock().unwrap().push(kind.to_owned());
            if kind == "none" { 0 } else { 3 }
        };
        let claimed = db.store.claim_due(Box::new(wanted), MINUTE).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), ["few", "many", "none"]);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for job in &claimed {
            *counts.entry(&job.kind).or_default() += 1;
        }
        assert_eq!(counts, BTreeMap::from([("few", 1), ("many", 3)]));
        let queues = db.store.queues().await.unwrap();
        let many = Queue { kind: "many".into(), jobs: 5 };
        assert!(queues.len() == 4 && queues.contains(&many), "{queues:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_enqueues_is_heard() {
    both(|db| async move {
        let mut hints = db.store.job_hints();
        enqueue(&db.store, vec![job("work", Some("a"), None)]).await;
        tokio::time::timeout(MINUTE, hints.changed()).await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_job_that_nobody_is_at_can_be_taken_back() {
    both(|db| async move {
        let in_order = |name| job("work", Some(name), Some("o"));
        enqueue(&db.store, vec![in_order("a"), in_order("b"), in_order("c")]).await;
        assert_eq!(names(&claim(&db.store, 10, MINUTE).await), ["a"]);
        assert!(!db.store.cancel_job("work", "a").await.unwrap(), "somebody is at it");
        assert!(db.store.cancel_job("work", "b").await.unwrap());
        assert!(!db.store.cancel_job("work", "b").await.unwrap());
        outlive(&db, Duration::from_millis(10)).await;
        assert!(claim(&db.store, 10, MINUTE).await.is_empty(), "c waits for a");
    })
    .await;
}

/// What waits is in no claim's way: not even the plan of a claim looks at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_let_through_one_by_one() {
    both(|db| async move {
        let orders = ["x", "y"];
        let jobs = (0..40).map(|n| job("work", Some(&format!("{n:02}")), Some(orders[n % 2])));
        enqueue(&db.store, jobs.collect()).await;
        let open = || db.select("SELECT count(*) FROM jobs WHERE waits = 0");
        let mut seen = Vec::new();
        for left in (0..20).rev() {
            assert_eq!(json!(open().await), json!(["Int(2)"]));
            let heads = claim(&db.store, 10, MINUTE).await;
            assert_eq!(heads.len(), 2);
            seen.extend(names(&heads).into_iter().map(str::to_owned));
            complete(&db.store, &heads).await;
            let rest = json!([format!("Int({})", left * 2)]);
            assert_eq!(json!(db.select("SELECT count(*) FROM jobs").await), rest);
        }
        let sorted: BTreeSet<String> = seen.iter().cloned().collect();
        assert_eq!(seen, sorted.into_iter().collect::<Vec<_>>());
    })
    .await;
}

/// Adding to an order while its head ends: what is added is let through by one or the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_waiting_when_orders_grow_while_their_heads_end() {
    both(|db| async move {
        let store = db.store.clone();
        let adding = tokio::spawn(async move {
            for n in 0..200 {
                enqueue(&store, vec![job("work", Some(&n.to_string()), Some("one"))]).await;
            }
        });
        let mut done = 0;
        while done < 200 {
            let heads = claim(&db.store, 10, MINUTE).await;
            assert!(heads.len() <= 1);
            complete(&db.store, &heads).await;
            done += heads.len();
            if heads.is_empty() {
                tokio::task::yield_now().await;
            }
        }
        adding.await.unwrap();
    })
    .await;
}
