use std::time::{Duration, Instant};

use basalt_runtime::{LogLevel, Outcome};
use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn what_comes_in_goes_out() {
    let app = App::new("export const echo = callable((input: unknown) => input);").await;
    assert_eq!(app.call("echo", json!({"a": [1, "ü", null]})).await, json!({"a": [1, "ü", null]}));
    assert!(app.report("echo", json!(1)).await.wall < Duration::from_secs(10));
}

#[tokio::test]
async fn nothing_returned_is_no_result() {
    let app = App::new("export const nothing = callable(() => {});").await;
    assert_eq!(app.outcome("nothing", json!({})).await, Outcome::Returned(None));
}

#[tokio::test]
async fn the_first_call_is_cold_and_the_next_ones_are_not() {
    let app = App::new("let n = 0; export const count = callable(() => ++n);").await;
    let first = app.report("count", json!({})).await;
    let second = app.report("count", json!({})).await;
    assert!(first.cold && !second.cold);
    assert!(first.cpu > Duration::ZERO && first.peak_memory > 10_000, "{first:?}");
    assert_eq!(second.outcome, Outcome::Returned(Some("2".into())));
}

#[tokio::test]
async fn calls_of_the_host_run_side_by_side() {
    let app = App::new(
        "export const all = callable(async () => {
            const texts = await Promise.all([1, 2, 3, 4].map(async (n) => {
                const answer = await fetch('https://host/' + n + '/sleep/200');
                return await answer.text();
            }));
            return texts.length;
        });",
    )
    .await;
    app.call("all", json!({})).await;
    let started = Instant::now();
    let report = app.report("all", json!({})).await;
    assert_eq!(report.outcome, Outcome::Returned(Some("4".into())));
    assert_eq!(report.host_calls, 4);
    assert!(started.elapsed() < Duration::from_millis(800), "one after the other it would be 800 ms");
}

#[tokio::test]
async fn bytes_go_to_the_host_and_back() {
    let app = App::new(
        "export const bytes = callable(async () => {
            const body = new Uint8Array([0, 255, 128, 7]);
            const answer = await fetch('https://host/echo', { method: 'POST', body });
            return [...new Uint8Array(await answer.arrayBuffer())];
        });",
    )
    .await;
    assert_eq!(app.call("bytes", json!({})).await, json!([0, 255, 128, 7]));
}

#[tokio::test]
async fn an_error_has_its_name_its_message_and_the_places_of_the_sources() {
    let app = App::new(
        "interface Shape { a: number }
         type Gone = Shape | null;
         function inner(shape: Gone): number {
             throw new RangeError('too far');
         }
         export const fails = callable((input: Shape) => inner(input));",
    )
    .await;
    let Outcome::Threw(thrown) = app.outcome("fails", json!({})).await else { panic!("it threw") };
    assert_eq!((thrown.name.as_str(), thrown.message.as_str()), ("RangeError", "too far"));
    let stack = thrown.stack.unwrap();
    assert!(stack.contains("inner (functions/main.ts:5:"), "{stack}");
}

#[tokio::test]
async fn a_refusal_has_its_code_and_details() {
    let app = App::new(
        "export const refuses = callable(() => { throw new FunctionError('unlucky', 'not 13', { n: 13 }, 409); });",
    )
    .await;
    let Outcome::Threw(thrown) = app.outcome("refuses", json!({})).await else { panic!("it threw") };
    assert_eq!(thrown.refusal, Some(("unlucky".to_owned(), 409, json!({"n": 13}))));
}

#[tokio::test]
async fn what_the_host_refuses_is_an_error_that_can_be_caught() {
    let app = App::new(
        "export const asks = callable(async () => {
            try { await fetch('https://host/refused'); return 'reached'; } catch (error) { return String(error); }
        });",
    )
    .await;
    let said = app.call("asks", json!({})).await;
    assert!(said.as_str().unwrap().contains("not there"), "{said}");
}

#[tokio::test]
async fn logs_have_levels_and_fields() {
    let app = App::new(
        "export const logs = callable((input, ctx) => {
            console.warn('careful', 1);
            ctx.log.error('bad', { n: 2 });
        });",
    )
    .await;
    app.call("logs", json!({})).await;
    let logs = app.host.logs.lock().unwrap();
    let said: Vec<_> = logs.iter().map(|line| (line.level, line.message.as_str(), line.fields.clone())).collect();
    assert_eq!(said[0].0, LogLevel::Warn);
    assert_eq!(said[0].1, "careful 1");
    assert_eq!(said[1], (LogLevel::Error, "bad", json!({"n": 2})));
}

#[tokio::test]
async fn timers_fire_and_end_with_their_call() {
    let app = App::new(
        "globalThis.late = 0;
         export const waits = callable(async () => {
            await new Promise((done) => setTimeout(done, 20));
            setTimeout(() => { globalThis.late++; }, 5);
            return globalThis.late;
         });",
    )
    .await;
    for _ in 0..4 {
        assert_eq!(app.call("waits", json!({})).await, 0);
    }
}

#[tokio::test]
async fn a_dropped_call_is_ended_and_its_worker_goes_on() {
    let app = App::new(
        "export const hangs = callable(async () => { await fetch('https://host/never'); });
         export const echo = callable((input) => input);",
    )
    .await;
    let call = app.outcome("hangs", json!({}));
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    assert_eq!(app.call("echo", json!(1)).await, 1);
    let stats = basalt_runtime::FunctionRuntime::stats(&*app.workers);
    assert_eq!((stats.calls, stats.lost), (0, 0));
}
