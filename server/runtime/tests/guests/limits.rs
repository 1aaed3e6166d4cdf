use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_runtime::{FunctionRuntime as _, Limits, Outcome};
use serde_json::json;

use crate::support::App;

const SPIN: &str = "(loop $again (br $again)) (unreachable)";
const ANSWER: &str = "(call $pack (i32.const 16) (i32.const 13))";
const HANG: &str = "(call $host_call (i32.const 264) (i32.const 4) (i32.const 280) (i32.const 21))";
const SHORT: Duration = Duration::from_millis(200);

fn short(limits: &mut Limits) {
    limits.wall = SHORT;
}

fn trap(outcome: Outcome) -> String {
    match outcome {
        Outcome::Threw(thrown) => thrown.message,
        other => panic!("it didn't throw: {other:?}"),
    }
}

#[tokio::test]
async fn a_loop_ends_with_its_time() {
    let app = App::new(SPIN).await.with_limits(short);
    let started = Instant::now();
    assert_eq!(app.outcome().await, Outcome::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_loop_ends_with_its_processor_time() {
    let app = App::new(SPIN).await.with_limits(|limits| limits.cpu = SHORT);
    assert_eq!(app.outcome().await, Outcome::TimedOut);
}

#[tokio::test]
async fn a_host_that_never_answers_ends_with_the_time() {
    let app = App::new(HANG).await.with_limits(short);
    assert_eq!(app.outcome().await, Outcome::TimedOut);
}

#[tokio::test]
async fn memory_is_bounded() {
    let grow = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    let app = App::new(grow).await.with_limits(|limits| limits.memory = 8 << 20);
    let report = app.report(json!(null)).await;
    assert_eq!(report.outcome, Outcome::OutOfMemory);
    assert!((4 << 20..=8 << 20).contains(&report.peak_memory), "{}", report.peak_memory);
}

#[tokio::test]
async fn a_module_that_starts_with_too_much_is_refused() {
    let app = App::new(ANSWER).await.with_limits(|limits| limits.memory = 64 << 10);
    assert_eq!(app.outcome().await, Outcome::OutOfMemory);
}

#[tokio::test]
async fn traps_are_errors() {
    assert!(trap(App::new("(unreachable)").await.outcome().await).contains("unreachable"));
    let deep = "(call $call (local.get $at) (local.get $length))";
    assert!(trap(App::new(deep).await.outcome().await).contains("stack"));
}

#[tokio::test]
async fn pointers_are_not_believed() {
    for answer in ["(i64.const -1)", "(call $pack (i32.const 0x1fff0) (i32.const 100))"] {
        assert!(trap(App::new(answer).await.outcome().await).contains("memory"));
    }
    let log = "(call $log (i32.const 1) (i32.const -16) (i32.const 100)) (i64.const 0)";
    assert!(trap(App::new(log).await.outcome().await).contains("memory"));
}

#[tokio::test]
async fn an_answer_of_another_shape_is_a_bad_result() {
    let outcome = App::new("(call $pack (i32.const 280) (i32.const 21))").await.outcome().await;
    assert!(matches!(outcome, Outcome::BadResult(_)), "{outcome:?}");
}

#[tokio::test]
async fn results_and_logs_are_bounded() {
    let app = App::new("(call $wrap (local.get $at) (local.get $length))").await;
    let app = app.with_limits(|limits| limits.result = 10);
    assert!(matches!(app.outcome().await, Outcome::BadResult(_)));
    let flood = "(local $n i32)
        (loop $again
            (call $log (i32.const 1) (i32.const 256) (i32.const 4))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 1000))))
        (i64.const 0)";
    let app = App::new(flood).await.with_limits(|limits| limits.log = 360);
    let report = app.report(json!(null)).await;
    assert_eq!((app.host.logs.lock().unwrap().len(), report.logs_dropped), (10, 990));
}

#[tokio::test]
async fn calls_of_the_host_are_counted() {
    let ask = "(drop (call $host_call (i32.const 256) (i32.const 4) (i32.const 280) (i32.const 21)))";
    let app = App::new(&format!("{ask} {ask} {ask} {ANSWER}")).await;
    let report = app.with_limits(|limits| limits.host_calls = 2).report(json!(null)).await;
    assert_eq!((report.host_calls, report.outcome), (2, Outcome::Returned(Some("42".into()))));
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_stopped() {
    let app = App::new(SPIN).await;
    assert!(tokio::time::timeout(SHORT, app.outcome()).await.is_err());
    while app.guests.stats().calls > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_spin_disturb_no_other() {
    let spin = App::new(SPIN).await.with_limits(|limits| limits.wall = Duration::from_secs(2));
    let good = App::on(Arc::clone(&spin.guests), ANSWER).await;
    let mut spins = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let spin = spin.clone();
        spins.spawn(async move { spin.outcome().await });
    }
    for _ in 0..500 {
        assert_eq!(good.call(json!(null)).await, 42);
    }
    for outcome in spins.join_all().await {
        assert!(matches!(outcome, Outcome::TimedOut), "{outcome:?}");
    }
}
