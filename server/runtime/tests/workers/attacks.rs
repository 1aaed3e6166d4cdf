//! Code that means harm: each ends in its own clear outcome, in time, and the next call of the function is served.

use std::time::{Duration, Instant};

use basalt_runtime::{Limits, Outcome};
use serde_json::{Value, json};

use crate::support::App;

/// Long enough that a machine under load gets to run the code at all.
const WALL: Duration = Duration::from_millis(400);
/// What a busy test machine may add to the promised 50 ms.
const SLACK: Duration = Duration::from_millis(1_500);

pub(crate) async fn attack(body: &str, change: impl FnOnce(&mut Limits)) -> Outcome {
    let module = format!(
        "export const attack = callable(async (input: any, ctx: any) => {{ {body} }});
         export const good = callable(() => 'good');"
    );
    let app = App::new(&module).await;
    let attacked = app.clone().with_limits(change);
    // An instance is there, so that what is measured is the attack.
    app.call("good", json!({})).await;
    let started = Instant::now();
    let outcome = attacked.outcome("attack", json!({})).await;
    assert!(started.elapsed() < attacked.limits.wall + SLACK, "{outcome:?} after {:?}", started.elapsed());
    assert_eq!(app.call("good", json!({})).await, "good");
    outcome
}

pub(crate) fn short(limits: &mut Limits) {
    limits.wall = WALL;
    limits.cpu = WALL;
}

async fn times_out(body: &str) {
    assert_eq!(attack(body, short).await, Outcome::TimedOut);
}

#[tokio::test]
async fn a_loop() {
    times_out("for (;;) {}").await;
}

#[tokio::test]
async fn a_loop_that_catches_everything() {
    times_out("for (;;) { try { for (;;) {} } catch {} finally { continue; } }").await;
}

#[tokio::test]
async fn a_loop_of_microtasks() {
    times_out("for (;;) await null;").await;
}

#[tokio::test]
async fn a_loop_of_microtasks_behind_the_answer() {
    let outcome = attack("(async () => { for (;;) await null; })(); return 1;", short).await;
    assert_eq!(outcome, Outcome::Returned(Some("1".into())));
}

#[tokio::test]
async fn a_loop_of_timers() {
    times_out("await new Promise(() => { const again = () => setTimeout(again, 0); again(); });").await;
}

#[tokio::test]
async fn a_native_search_in_a_loop() {
    times_out("const big = new Array(2e6).fill(1); for (let i = 0; i < 1e6; i++) big.indexOf(2);").await;
}

#[tokio::test]
async fn a_native_search_in_a_text() {
    times_out("const big = 'a'.repeat(2e7); for (let i = 0; i < 1e6; i++) big.indexOf('ab');").await;
}

#[tokio::test]
async fn a_native_sort() {
    times_out("const big = new Float64Array(4e6).map((_, i) => (i * 7919) % 4e6); for (;;) big.slice().sort();").await;
}

#[tokio::test]
async fn a_native_sort_of_texts() {
    let body = "const big = Array.from({ length: 2e5 }, (_, i) => 'x'.repeat(40) + ((i * 7919) % 2e5));
                for (;;) big.slice().sort().reverse();";
    times_out(body).await;
}

#[tokio::test]
async fn a_regular_expression() {
    times_out("return /^(a+)+$/.test('a'.repeat(40) + 'b');").await;
}

#[tokio::test]
async fn a_getter_in_what_is_thrown() {
    times_out("throw { get message() { for (;;) {} } };").await;
}

#[tokio::test]
async fn a_result_whose_text_never_ends() {
    times_out("return { toJSON() { for (;;) {} } };").await;
}

#[tokio::test]
async fn a_big_number() {
    let outcome = attack("let n = 3n; for (;;) n = n * n;", short).await;
    assert!(matches!(outcome, Outcome::TimedOut | Outcome::OutOfMemory | Outcome::Threw(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_promise_that_never_settles() {
    times_out("await new Promise(() => {});").await;
}

#[tokio::test]
async fn a_call_of_the_host_that_never_answers() {
    times_out("await fetch('https://host/never');").await;
}

#[tokio::test]
async fn processor_time_is_less_than_the_time_on_the_wall() {
    let outcome = attack("for (;;) {}", |limits| limits.cpu = WALL).await;
    assert_eq!(outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn processor_time_of_a_native_loop() {
    let body = "const big = new Array(2e6).fill(1); for (let i = 0; i < 1e6; i++) big.indexOf(2);";
    let started = Instant::now();
    assert_eq!(attack(body, |limits| limits.cpu = WALL).await, Outcome::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(15), "the deadline is at 20 s");
}

#[tokio::test]
async fn waiting_takes_no_processor_time() {
    let outcome = attack("await fetch('https://host/sleep/600'); return 1;", |limits| limits.cpu = WALL).await;
    assert_eq!(outcome, Outcome::Returned(Some("1".into())));
}

async fn out_of_memory(body: &str) {
    assert_eq!(attack(body, |limits| limits.memory = 32 << 20).await, Outcome::OutOfMemory);
}

#[tokio::test]
async fn a_heap_that_grows() {
    out_of_memory("const all = []; for (;;) all.push({ a: [1, 2, 3] });").await;
}

#[tokio::test]
async fn a_text_that_grows() {
    out_of_memory("let text = 'x'; const all = []; for (;;) { text += text + 'y'; all.push(text.slice(1)); }").await;
}

#[tokio::test]
async fn typed_arrays() {
    out_of_memory("const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(7));").await;
}

#[tokio::test]
async fn array_buffers_that_are_never_written() {
    out_of_memory("const all = []; for (;;) all.push(new ArrayBuffer(1 << 20));").await;
}

#[tokio::test]
async fn closures_and_promises() {
    out_of_memory("const all = []; for (;;) all.push(new Promise((done) => () => done(all)));").await;
}

#[tokio::test]
async fn a_map_that_grows() {
    out_of_memory("const all = new Map(); for (let i = 0; ; i++) all.set(i, 'entry ' + i);").await;
}

#[tokio::test]
async fn memory_that_was_caught_is_the_functions_own_affair() {
    let body = "try { const all = []; for (;;) all.push(new Uint8Array(1 << 20)); } catch (error) { return 'caught'; }";
    let outcome = attack(body, |limits| limits.memory = 32 << 20).await;
    assert_eq!(outcome, Outcome::Returned(Some("\"caught\"".into())));
}

#[tokio::test]
async fn null_that_is_thrown_is_no_lack_of_memory() {
    for body in ["throw null;", "await null; throw null;"] {
        let outcome = attack(body, |_| {}).await;
        assert!(matches!(outcome, Outcome::Threw(_)), "{outcome:?}");
    }
}

#[tokio::test]
async fn deep_recursion() {
    let outcome = attack("const f = (n: number): number => 1 + f(n + 1); return f(0);", |_| {}).await;
    let Outcome::Threw(thrown) = outcome else { panic!("{outcome:?}") };
    assert_eq!(thrown.name, "RangeError");
}

#[tokio::test]
async fn deep_recursion_in_native_code() {
    let body = "let deep: any = []; for (let i = 0; i < 1e6; i++) deep = [deep]; return JSON.stringify(deep).length;";
    let outcome = attack(body, |limits| limits.memory = 256 << 20).await;
    assert!(matches!(outcome, Outcome::Threw(_) | Outcome::OutOfMemory), "{outcome:?}");
}

#[tokio::test]
async fn deep_recursion_of_a_result() {
    let body = "let deep: any = []; for (let i = 0; i < 1e5; i++) deep = [deep]; return deep;";
    let outcome = attack(body, |limits| limits.memory = 256 << 20).await;
    assert!(matches!(outcome, Outcome::Threw(_) | Outcome::BadResult(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_flood_of_logs() {
    let app =
        App::new("export const logs = callable(() => { for (let i = 0; i < 1e5; i++) console.log('line ' + i); });");
    let app = app.await.with_limits(|limits| limits.log = 10_000);
    let report = app.report("logs", json!({})).await;
    assert_eq!(report.outcome, Outcome::Returned(None));
    let kept = app.host.logs.lock().unwrap().len();
    assert!((50..500).contains(&kept), "{kept}");
    assert_eq!(u64::from(report.logs_dropped) + kept as u64, 100_000);
}

#[tokio::test]
async fn a_giant_result() {
    let outcome = attack("return 'x'.repeat(1e6);", |limits| limits.result = 1_000).await;
    let Outcome::BadResult(why) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("1000 bytes"), "{why}");
}

#[tokio::test]
async fn results_that_are_no_json() {
    for body in ["return 1n;", "const ring: any = {}; ring.ring = ring; return ring;"] {
        let outcome = attack(body, |_| {}).await;
        assert!(matches!(outcome, Outcome::BadResult(_) | Outcome::Threw(_)), "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn too_many_calls_of_the_host() {
    let body = "let done = 0;
                for (let i = 0; i < 50; i++) { try { await fetch('https://host/x'); done++; } catch {} }
                return done;";
    let outcome = attack(body, |limits| limits.host_calls = 10).await;
    assert_eq!(outcome, Outcome::Returned(Some("10".into())));
}

#[tokio::test]
async fn handles_without_end() {
    let app = App::new(
        "export const handles = callable(() => {
            for (let i = 0; i < 900; i++) fetch('https://host/never').catch(() => {});
            return 'through';
         });",
    );
    let app = app.await;
    assert_eq!(app.call("handles", json!({})).await, "through");
    let asked = app.host.asked.lock().unwrap().len();
    assert!(asked <= 256, "{asked} calls were under way at once");
}

#[tokio::test]
async fn calls_of_the_host_that_carry_more_than_the_heap() {
    let app = App::new(
        "export const carries = callable(async (input: any, ctx: any) => {
            const big = new Blob([new Uint8Array(4 << 20)]);
            let refused = 0;
            const bucket = ctx.files.bucket('b');
            for (let i = 0; i < 20; i++) bucket.write('x/never', big).catch(() => refused++);
            await fetch('https://host/x/sleep/1');
            return refused;
         });",
    );
    let app = app.await.with_limits(|limits| limits.memory = 32 << 20);
    assert_eq!(app.call("carries", json!({})).await, 13);
    // What was carried is let go with the answers.
    assert_eq!(app.call("carries", json!({})).await, 13);
    let written = app.host.asked.lock().unwrap().iter().filter(|op| *op == "files.write").count();
    assert!(written <= 14, "{written} were under way");
}

#[tokio::test]
async fn timers_without_end() {
    let outcome = attack("for (;;) setTimeout(() => {}, 1e6);", |_| {}).await;
    assert!(matches!(outcome, Outcome::Threw(_)), "{outcome:?}");
}

#[tokio::test]
async fn prototypes_that_are_poisoned_break_no_later_call() {
    let poison = "
        const bad = () => { throw new Error('poisoned'); };
        Promise.prototype.then = bad;
        Promise.resolve = bad as any;
        JSON.stringify = bad as any;
        JSON.parse = bad as any;
        Array.prototype.map = bad as any;
        Array.prototype.push = bad as any;
        Array.prototype[Symbol.iterator] = bad as any;
        Object.keys = bad as any;
        Object.defineProperty(Object.prototype, 'status', { get: bad, configurable: true });
        Object.defineProperty(Object.prototype, 'ok', { get: bad, set: bad, configurable: true });
        Object.defineProperty(Object.prototype, 'then', { get: bad, configurable: true });
        Function.prototype.call = bad as any;
        Function.prototype.apply = bad as any;
        Map.prototype.get = bad; Map.prototype.set = bad as any;
        (globalThis as any).Error = bad;
        return 'done';";
    let module = format!(
        "export const poison = callable((input: any) => {{ if (input) {{ {poison} }} return 'good'; }});
         export const other = callable(() => JSON.stringify([1].map((n) => n + 1)));"
    );
    let app = App::new(&module).await;
    let outcome = app.outcome("poison", json!(true)).await;
    assert!(matches!(outcome, Outcome::Returned(_) | Outcome::Threw(_)), "{outcome:?}");
    for _ in 0..3 {
        let outcome = app.outcome("poison", json!(false)).await;
        assert!(matches!(outcome, Outcome::Returned(_) | Outcome::Threw(_)), "{outcome:?}");
        assert_eq!(app.call("other", json!({})).await, "[2]", "another function has its own world");
    }
}

#[tokio::test]
async fn there_is_no_way_to_make_code_of_text() {
    for body in [
        "return eval('1 + 1');",
        "return new Function('return 1')();",
        "return (async () => {}).constructor('return 1')();",
    ] {
        let outcome = attack(body, |_| {}).await;
        assert!(matches!(outcome, Outcome::Threw(_)), "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn nothing_of_the_process_is_there() {
    let body = "return ['process', 'require', 'Deno', 'std', 'os', 'scriptArgs', 'print', '__basalt']
        .filter((name) => typeof (globalThis as any)[name] !== 'undefined');";
    let outcome = attack(body, |_| {}).await;
    assert_eq!(outcome, Outcome::Returned(Some("[]".into())));
}

#[tokio::test]
async fn a_thousand_slow_calls_at_once() {
    let app =
        App::new("export const slow = callable(async (n) => { await fetch('https://host/sleep/300'); return n; });");
    let app = app.await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let app = app.clone();
        calls.spawn(async move { app.call("slow", json!(n)).await });
    }
    let mut seen: Vec<Value> = calls.join_all().await;
    seen.sort_by_key(Value::as_u64);
    assert_eq!(seen, (0..1_000).map(Value::from).collect::<Vec<_>>());
}
