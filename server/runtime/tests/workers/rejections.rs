//! Rejections that nobody handles: lines of the call that they are of.

use basalt_runtime::{LogLevel, Outcome};
use serde_json::json;

use crate::attacks::{attack, short};
use crate::support::App;

/// The lines so far, all of which tell of errors.
fn lines(app: &App) -> Vec<String> {
    let logs = app.host.logs.lock().unwrap();
    assert!(logs.iter().all(|line| line.level == LogLevel::Error), "{logs:?}");
    logs.iter().map(|line| line.message.clone()).collect()
}

/// The lines of one call of a function that returns.
async fn lines_of(body: &str) -> Vec<String> {
    let app = App::new(&format!("export const f = callable(async (input: any, ctx: any) => {{ {body} }});")).await;
    app.call("f", json!({})).await;
    lines(&app)
}

#[tokio::test]
async fn one_is_told_with_its_stack_in_the_places_of_the_sources() {
    let app = App::new(
        "interface Gone { a: number }
         async function late(what: Gone | string): Promise<void> {
             throw new RangeError('nobody sees ' + what);
         }
         export const f = callable(() => { late('this'); return 'done'; });",
    )
    .await;
    assert_eq!(app.call("f", json!({})).await, "done");
    let lines = lines(&app);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("Unhandled rejection: RangeError: nobody sees this\n"), "{lines:?}");
    assert!(lines[0].contains("late (functions/main.ts:4:"), "{lines:?}");
}

#[tokio::test]
async fn one_that_is_handled_in_its_turn_is_none() {
    let body = "const early = Promise.reject(new Error('early'));
                await null;
                await null;
                early.catch(() => {});
                try { await Promise.reject(new Error('awaited')); } catch {}
                await Promise.allSettled([Promise.reject(1), Promise.reject(2)]);
                const fails = async () => { throw new Error('returned'); };
                await (async () => fails())().catch(() => {});
                for (let i = 0; i < 1000; i++) await Promise.reject(i).catch(() => {});
                return 'done';";
    assert_eq!(lines_of(body).await, [] as [&str; 0]);
}

#[tokio::test]
async fn one_that_is_handled_later_was_told() {
    let body = "const late = Promise.reject(new Error('late'));
                await fetch('https://host/x');
                await late.catch(() => {});
                return 'done';";
    let lines = lines_of(body).await;
    assert!(lines.len() == 1 && lines[0].starts_with("Unhandled rejection: Error: late\n"), "{lines:?}");
}

#[tokio::test]
async fn those_of_timers_and_of_the_host_are_told() {
    let body = "setTimeout(() => { Promise.reject(new Error('by a timer')); }, 1);
                fetch('https://host/refused');
                await fetch('https://host/sleep/100');
                return 'done';";
    let mut lines = lines_of(body).await;
    lines.sort_unstable();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("Unhandled rejection: Error: by a timer\n"), "{lines:?}");
    assert!(lines[1].starts_with("Unhandled rejection: TypeError: fetch failed: not there\n"), "{lines:?}");
}

#[tokio::test]
async fn an_error_in_a_timer_has_its_places() {
    let lines = lines_of(
        "setTimeout(() => { throw new Error('tick'); }, 1);
                await fetch('https://host/sleep/100');",
    );
    let lines = lines.await;
    assert!(lines.len() == 1 && lines[0].starts_with("Uncaught in a timer: Error: tick\n"), "{lines:?}");
    assert!(lines[0].contains("(functions/main.ts:2:"), "{lines:?}");
}

#[tokio::test]
async fn those_of_jobs_behind_the_answer_are_told_and_the_instance_stays() {
    let app = App::new(
        "export const f = callable(() => {
            (async () => { for (let i = 0; i < 500; i++) await null; throw new Error('after it'); })();
            return 1;
         });",
    )
    .await;
    for n in 1..=3 {
        let report = app.report("f", json!({})).await;
        assert_eq!((report.outcome, report.cold), (Outcome::Returned(Some("1".into())), n == 1));
        let lines = lines(&app);
        assert_eq!(lines.len(), n, "{lines:?}");
        assert!(lines[n - 1].starts_with("Unhandled rejection: Error: after it\n"), "{lines:?}");
    }
}

#[tokio::test]
async fn that_of_the_top_level_is_told_by_the_first_call() {
    let app = App::new("Promise.reject(new Error('at the top')); export const f = callable(() => 1);").await;
    for _ in 0..2 {
        app.call("f", json!({})).await;
        let lines = lines(&app);
        assert!(lines.len() == 1 && lines[0].starts_with("Unhandled rejection: Error: at the top\n"), "{lines:?}");
    }
}

#[tokio::test]
async fn what_the_call_ends_with_is_not_told_once_more() {
    for body in ["throw new Error('once');", "return Promise.reject(new Error('once'));", "await null; throw 'once';"] {
        let app = App::new(&format!("export const f = callable(async () => {{ {body} }});")).await;
        let outcome = app.outcome("f", json!({})).await;
        assert!(matches!(outcome, Outcome::Threw(_)), "{outcome:?}");
        assert_eq!(lines(&app), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn reasons_of_all_kinds_are_told() {
    let body = "Promise.reject('a text');
                Promise.reject(undefined);
                Promise.reject(null);
                Promise.reject({ get message() { throw new Error('no'); } });
                Promise.reject(new FunctionError('unlucky', 'not 13'));";
    let lines = lines_of(body).await;
    let first = |line: &String| line.lines().next().unwrap_or_default().to_owned();
    assert_eq!(
        lines.iter().map(first).collect::<Vec<_>>(),
        [
            "Unhandled rejection: string: a text",
            "Unhandled rejection: undefined: undefined",
            "Unhandled rejection: null: null",
            "Unhandled rejection: what was thrown can't be described.",
            "Unhandled rejection: FunctionError: not 13",
        ]
    );
}

#[tokio::test]
async fn a_reason_that_never_ends_is_bounded_by_the_calls_time() {
    let outcome = attack("Promise.reject({ get message() { for (;;) {} } }); return 1;", short).await;
    assert_eq!(outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn a_reason_that_rejects_anew_is_told_once_a_turn() {
    let body = "const again = () => Promise.reject({ get message() { again(); return 'again'; } });
                again();
                return 1;";
    let lines = lines_of(body).await;
    assert!((1..=3).contains(&lines.len()), "{lines:?}");
}

#[tokio::test]
async fn a_flood_of_them_is_cut() {
    let lines = lines_of("for (let i = 0; i < 1e5; i++) Promise.reject(new Error('no ' + i));").await;
    assert_eq!(lines.len(), 64);
    let app = App::new(
        "export const f = callable(async () => {
            for (let i = 0; i < 100; i++) {
                Promise.reject(new Error('x'.repeat(1_000)));
                await fetch('https://host/x');
            }
         });",
    );
    let app = app.await.with_limits(|limits| limits.log = 10_000);
    let report = app.report("f", json!({})).await;
    let kept = self::lines(&app).len();
    assert!((5..10).contains(&kept), "{kept}");
    assert_eq!(report.logs_dropped as usize + kept, 100);
}
