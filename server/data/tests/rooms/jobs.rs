use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_core::Clock;
use basalt_core::filter::Filter;
use basalt_data::jobs::{
    DEAD_LETTERS, DeadLetter, Handler, Handlers, JobFuture, Lane, Lanes, Outcome, Runner, RunnerOptions,
};
use basalt_store::List;
use basalt_store::jobs::Job;
use basalt_store::testkit::{TestDb, both};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::world::*;

/// Does what its closure says, and remembers the payloads.
struct Doing<F> {
    seen: Mutex<Vec<(Value, u32)>>,
    outcome: F,
}

impl<F: Fn(&Job) -> Outcome + Send + Sync> Handler for Doing<F> {
    fn run<'a>(&'a self, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            self.seen.lock().unwrap().push((job.payload.clone(), job.attempt));
            (self.outcome)(job)
        })
    }
}

fn doing<F: Fn(&Job) -> Outcome + Send + Sync>(outcome: F) -> Arc<Doing<F>> {
    Arc::new(Doing { seen: Mutex::default(), outcome })
}

impl<F> Doing<F> {
    fn seen(&self) -> Vec<(Value, u32)> {
        self.seen.lock().unwrap().clone()
    }
}

fn runner(db: &TestDb, handlers: Handlers) -> Runner {
    Runner::new(db.store.clone(), handlers, db.clock.clone(), db.random.clone(), RunnerOptions::default())
}

async fn letters(db: &TestDb) -> Vec<DeadLetter> {
    let list = List {
        collection: DEAD_LETTERS.clone(),
        filter: Filter::True,
        search: None,
        sort: Vec::new(),
        limit: 100,
        after: None,
        count: false,
    };
    let page = db.store.list(list).await.unwrap();
    page.documents.iter().map(|document| DeadLetter::parse(document).unwrap()).collect()
}

fn again() -> Outcome {
    Outcome::Retry { at: None, error: "not yet".into() }
}

#[tokio::test]
async fn a_job_is_done_once() {
    both(|db| async move {
        let mail = doing(|_| Outcome::Done);
        let runner = runner(&db, Handlers::default().with("mail", mail.clone()));
        enqueue(&db, "mail", None, json!(1)).await;
        enqueue(&db, "unknown", None, json!(2)).await;
        assert_eq!(runner.run_due().await.unwrap(), 1);
        assert_eq!(runner.run_due().await.unwrap(), 0);
        assert_eq!(mail.seen(), [(json!(1), 1)]);
    })
    .await;
}

#[tokio::test]
async fn a_failing_job_is_tried_again_later_and_dies_in_the_end() {
    both(|db| async move {
        collections(&db).await;
        let mail = doing(|_| again());
        let runner = runner(&db, Handlers::default().with("mail", mail.clone()));
        enqueue(&db, "mail", None, json!({"to": "ann"})).await;
        assert_eq!(runner.run_due().await.unwrap(), 1);
        assert_eq!(runner.run_due().await.unwrap(), 0, "not before its time");
        for _ in 0..20 {
            db.clock.advance(Duration::from_mins(40));
            runner.run_due().await.unwrap();
        }
        let attempts: Vec<u32> = mail.seen().into_iter().map(|(_, attempt)| attempt).collect();
        assert_eq!(attempts, [1, 2, 3, 4, 5, 6, 7, 8]);
        let letters = letters(&db).await;
        let [dead] = letters.as_slice() else { panic!("one dead letter: {letters:?}") };
        assert_eq!((dead.kind.as_str(), &dead.payload, dead.attempts), ("mail", &json!({"to": "ann"}), 8));
        assert_eq!(dead.error, "not yet");
        // Once more, from the first try on.
        db.store.commit(Batch { document: None, jobs: vec![dead.replay(db.clock.now())] }).await.unwrap();
        assert_eq!(runner.run_due().await.unwrap(), 1);
        assert_eq!(mail.seen().last(), Some(&(json!({"to": "ann"}), 1)));
    })
    .await;
}

#[tokio::test]
async fn what_is_tried_once_more_is_nobodys_double() {
    both(|db| async move {
        collections(&db).await;
        let mail = doing(|_| Outcome::Dead { error: "no such address".into() });
        let runner = runner(&db, Handlers::default().with("mail", mail.clone()));
        enqueue(&db, "mail", Some("k"), json!("first")).await;
        assert_eq!(runner.run_due().await.unwrap(), 1);
        let dead = letters(&db).await.remove(0);
        // As the dead one may still be in the queue.
        enqueue(&db, "mail", Some("k"), json!("second")).await;
        db.store.commit(Batch { document: None, jobs: vec![dead.replay(db.clock.now())] }).await.unwrap();
        assert_eq!(runner.run_due().await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_panic_or_a_hopeless_job_holds_nobody_else_up() {
    both(|db| async move {
        collections(&db).await;
        let mail = doing(|job| match job.payload.as_i64() {
            Some(1) => panic!("a fault of the handler"),
            Some(2) => Outcome::Dead { error: "no such address".into() },
            _ => Outcome::Done,
        });
        let runner = runner(&db, Handlers::default().with("mail", mail.clone()));
        for n in 1..=3 {
            enqueue(&db, "mail", None, json!(n)).await;
        }
        assert_eq!(runner.run_due().await.unwrap(), 3);
        db.clock.advance(Duration::from_mins(1));
        assert_eq!(runner.run_due().await.unwrap(), 1, "the one that panicked comes again");
    })
    .await;
}

#[tokio::test]
async fn jobs_of_one_order_key_wait_for_one_another() {
    both(|db| async move {
        let failures = AtomicUsize::new(1);
        let mail = doing(move |_| {
            let fails = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
            if fails { again() } else { Outcome::Done }
        });
        let runner = runner(&db, Handlers::default().with("mail", mail.clone()));
        for n in 1..=3 {
            enqueue(&db, "mail", Some("doc"), json!(n)).await;
        }
        enqueue(&db, "mail", Some("other"), json!(9)).await;
        runner.run_due().await.unwrap();
        let first: Vec<Value> = mail.seen().into_iter().map(|(payload, _)| payload).collect();
        assert!(first.contains(&json!(1)) && first.contains(&json!(9)) && first.len() == 2, "{first:?}");
        db.clock.advance(Duration::from_mins(1));
        runner.run_due().await.unwrap();
        let order: Vec<Value> = mail.seen().into_iter().skip(2).map(|(payload, _)| payload).collect();
        assert_eq!(order, [json!(1), json!(2), json!(3)]);
    })
    .await;
}

/// Waits to be let go.
struct Slow {
    started: Notify,
    go: Notify,
    done: AtomicUsize,
}

impl Handler for Slow {
    fn run<'a>(&'a self, _: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            self.started.notify_one();
            self.go.notified().await;
            self.done.fetch_add(1, Ordering::SeqCst);
            Outcome::Done
        })
    }
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way() {
    both(|db| async move {
        let slow = Arc::new(Slow { started: Notify::new(), go: Notify::new(), done: AtomicUsize::new(0) });
        let runner = runner(&db, Handlers::default().with("slow", slow.clone()));
        let (stop, stopped) = watch::channel(false);
        let running = runner.clone();
        let task = tokio::spawn(async move { running.run(stopped).await });
        enqueue(&db, "slow", None, json!(1)).await;
        runner.wake();
        slow.started.notified().await;
        stop.send(true).unwrap();
        enqueue(&db, "slow", None, json!(2)).await;
        runner.wake();
        slow.go.notify_one();
        tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
        assert_eq!(slow.done.load(Ordering::SeqCst), 1, "nothing new is begun");
        assert_eq!(db.store.claim_jobs(&["slow"], 10, Duration::from_secs(1)).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_runners_share_the_work() {
    both(|db| async move {
        let mail = doing(|_| Outcome::Done);
        for n in 0..200 {
            enqueue(&db, "mail", None, json!(n)).await;
        }
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let runner = runner(&db, Handlers::default().with("mail", mail.clone()));
                tokio::spawn(async move { runner.run_due().await.unwrap() })
            })
            .collect();
        let mut tries = 0;
        for task in tasks {
            tries += task.await.unwrap();
        }
        let mut payloads: Vec<i64> = mail.seen().iter().filter_map(|(payload, _)| payload.as_i64()).collect();
        payloads.sort_unstable();
        assert_eq!((tries, payloads), (200, (0..200).collect()));
    })
    .await;
}

/// Whose lane is named `slow` hangs until it is let go; the others do their jobs.
struct Targets {
    seen: Mutex<Vec<String>>,
    started: Notify,
    go: watch::Sender<bool>,
}

impl Lanes for Targets {
    fn lane(&self, name: &str) -> Lane {
        Lane { concurrency: 2, tries: if name == "poisoned" { 1 } else { 8 }, timeout: Duration::from_mins(1) }
    }

    fn run<'a>(&'a self, name: &'a str, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            self.seen.lock().unwrap().push(name.to_owned());
            self.started.notify_one();
            match name {
                "slow" => {
                    self.go.subscribe().wait_for(|go| *go).await.unwrap();
                    Outcome::Done
                }
                "poisoned" => panic!("a fault of the handler at {}", job.payload),
                _ => Outcome::Done,
            }
        })
    }
}

impl Targets {
    fn count(&self, name: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| *seen == name).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_or_poisoned_lane_takes_no_slot_of_another() {
    both(|db| async move {
        collections(&db).await;
        let targets =
            Arc::new(Targets { seen: Mutex::default(), started: Notify::new(), go: watch::Sender::new(false) });
        let handlers = Handlers::default().with_family("event", targets.clone());
        // Fewer slots in all than the slow lanes would take.
        let options = RunnerOptions { concurrency: 2, ..RunnerOptions::default() };
        let runner = Runner::new(db.store.clone(), handlers, db.clock.clone(), db.random.clone(), options);
        for n in 0..20 {
            for kind in ["event/fine", "event/poisoned", "event/slow"] {
                enqueue(&db, kind, None, json!(n)).await;
            }
        }
        let (stop, stopped) = watch::channel(false);
        let running = runner.clone();
        let task = tokio::spawn(async move { running.run(stopped).await });
        while targets.count("fine") < 20 || targets.count("poisoned") < 20 {
            tokio::time::timeout(Duration::from_mins(1), targets.started.notified()).await.unwrap();
        }
        assert!((1..=2).contains(&targets.count("slow")), "the slow lane keeps to its bound");
        targets.go.send_replace(true);
        while targets.count("slow") < 20 {
            tokio::time::timeout(Duration::from_mins(1), targets.started.notified()).await.unwrap();
        }
        stop.send(true).unwrap();
        task.await.unwrap();
        assert_eq!(letters(&db).await.len(), 20, "what is poisoned is kept");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_goes_on_though_the_clock_went_on_by_much() {
    both(|db| async move {
        let slow = Arc::new(Slow { started: Notify::new(), go: Notify::new(), done: AtomicUsize::new(0) });
        let runner = runner(&db, Handlers::default().with("slow", slow.clone()));
        let (stop, stopped) = watch::channel(false);
        let running = runner.clone();
        let task = tokio::spawn(async move { running.run(stopped).await });
        enqueue(&db, "slow", None, json!(1)).await;
        slow.started.notified().await;
        db.clock.advance(Duration::from_hours(1));
        // The runner looks again, and a later job is done: the first is claimed anew where leases run by this clock.
        enqueue(&db, "slow", None, json!(2)).await;
        slow.started.notified().await;
        slow.go.notify_waiters();
        stop.send(true).unwrap();
        while slow.done.load(Ordering::SeqCst) < 2 {
            slow.go.notify_waiters();
            tokio::task::yield_now().await;
        }
        tokio::time::timeout(Duration::from_mins(1), task).await.unwrap().unwrap();
        assert_eq!(slow.done.load(Ordering::SeqCst), 2, "each once");
        assert_eq!(db.store.queues().await.unwrap(), []);
    })
    .await;
}
