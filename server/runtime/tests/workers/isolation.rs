use std::sync::Arc;
use std::time::Duration;

use basalt_runtime::{FunctionRuntime as _, Outcome};
use serde_json::json;

use crate::support::{App, workers};

#[tokio::test]
async fn a_fresh_instance_remembers_nothing() {
    let app = App::new("let n = 0; export const count = callable(() => ++n);").await.fresh();
    for _ in 0..3 {
        let report = app.report("count", json!({})).await;
        assert_eq!((report.outcome, report.cold), (Outcome::Returned(Some("1".into())), true));
    }
}

#[tokio::test]
async fn calls_at_the_same_time_have_an_instance_each() {
    let app = App::new(
        "let busy = 0;
         export const alone = callable(async () => {
            busy++;
            await fetch('https://host/sleep/50');
            return busy--;
         });",
    )
    .await;
    let calls = (0..8).map(|_| app.call("alone", json!({})));
    let seen = futures_util::future::join_all(calls).await;
    assert!(seen.iter().all(|busy| busy == 1), "{seen:?}");
}

#[tokio::test]
async fn two_functions_share_no_globals() {
    let runtime = workers();
    let one = App::on(
        Arc::clone(&runtime),
        "export const f = callable(() => { globalThis.x ??= 'one'; return globalThis.x; });",
    );
    let two = App::on(Arc::clone(&runtime), "export const g = callable(() => globalThis.x ?? 'none');");
    let (one, two) = (one.await, two.await);
    assert_eq!(one.call("f", json!({})).await, "one");
    assert_eq!(two.call("g", json!({})).await, "none");
}

#[tokio::test]
async fn another_functions_spinning_disturbs_nobody() {
    let app = App::new(
        "export const spin = callable(() => {
            const big = new Array(2e6).fill(1);
            for (let i = 0; i < 1e6; i++) big.indexOf(2);
         });
         export const good = callable((n) => n);",
    )
    .await;
    let spin = app.clone().with_limits(|limits| limits.wall = Duration::from_millis(200));
    let mut spins = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let spin = spin.clone();
        spins.spawn(async move { spin.outcome("spin", json!({})).await });
    }
    let mut goods = tokio::task::JoinSet::new();
    for lane in 0..10 {
        let app = app.clone();
        goods.spawn(async move {
            for n in 0..1_000 {
                assert_eq!(app.call("good", json!([lane, n])).await, json!([lane, n]));
            }
        });
    }
    goods.join_all().await;
    let ended = spins.join_all().await;
    let over = |outcome: &&Outcome| matches!(outcome, Outcome::TimedOut);
    let lost = |outcome: &&Outcome| matches!(outcome, Outcome::WorkerLost);
    assert!(ended.iter().filter(over).count() > 0, "{ended:?}");
    assert_eq!(ended.iter().filter(over).count() + ended.iter().filter(lost).count(), 50, "{ended:?}");
}

#[tokio::test]
async fn an_instance_that_was_stopped_is_not_used_again() {
    let app = App::new(
        "let calls = 0;
         export const f = callable((spin) => { calls++; if (spin) for (;;) {} return calls; });",
    )
    .await;
    assert_eq!(app.call("f", json!(false)).await, 1);
    assert_eq!(app.call("f", json!(false)).await, 2);
    let stopped = app.clone().with_limits(|limits| limits.wall = Duration::from_millis(300));
    assert_eq!(stopped.outcome("f", json!(true)).await, Outcome::TimedOut);
    assert_eq!(app.call("f", json!(false)).await, 1);
}

#[tokio::test]
async fn evicted_code_is_forgotten_and_compiled_again_when_it_is_called() {
    let app = App::new("let n = 0; export const count = callable(() => ++n);").await;
    assert_eq!(app.call("count", json!({})).await, 1);
    app.workers.evict(app.code.id());
    let report = app.report("count", json!({})).await;
    assert_eq!((report.outcome, report.cold), (Outcome::Returned(Some("1".into())), true));
}
