//! Natives that are asked for what is too deep, too large or without end: whatever they end with, the process stays.

use basalt_runtime::{Limits, Outcome};

use crate::attacks::{attack, short};

async fn outcome(body: &str) -> Outcome {
    let small = |limits: &mut Limits| {
        short(limits);
        limits.memory = 48 << 20;
    };
    attack(body, small).await
}

async fn each_ends(bodies: &[&str]) {
    for body in bodies {
        let outcome = outcome(body).await;
        assert!(!matches!(outcome, Outcome::WorkerLost | Outcome::Overloaded), "{body}: {outcome:?}");
    }
}

/// Those that can't end well.
async fn each_fails(bodies: &[&str]) {
    for body in bodies {
        let outcome = outcome(body).await;
        let failed =
            matches!(outcome, Outcome::TimedOut | Outcome::OutOfMemory | Outcome::Threw(_) | Outcome::BadResult(_));
        assert!(failed, "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_is_deep() {
    each_ends(&[
        "let p: any = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x ?? 1;",
        "let f: any = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(null); return f();",
        "let a: any = []; for (let i = 0; i < 1e5; i++) a = [a]; return String(a).length;",
        "let a: any = []; for (let i = 0; i < 1e5; i++) a = [a]; return structuredClone(a).length;",
        "let a: any = []; for (let i = 0; i < 1e5; i++) a = [a]; return a.flat(Infinity).length;",
        "let o: any = {}; for (let i = 0; i < 1e5; i++) o = Object.create(o); return 'x' in o;",
        "let e: any = 1; for (let i = 0; i < 1e4; i++) e = new Error('x', { cause: e }); console.error(e); throw e;",
        "let n: any = null; for (let i = 0; i < 3e5; i++) n = { n }; n = null; return 1;",
        "let s = ''; for (let i = 0; i < 1e5; i++) s = 'x' + s + 'y'; return s.length;",
        "return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('');",
        "return /^(?:(?:(?:a?)*)*)*$/.test('a'.repeat(1e5) + 'b');",
        "let p: any = Promise.resolve(1); for (let i = 0; i < 1e5; i++) p = p.then((n: any) => n); return await p;",
    ])
    .await;
}

#[tokio::test]
async fn what_is_large_at_once() {
    each_fails(&[
        "return new Uint8Array(2 ** 30).length;",
        "return new Float64Array(2 ** 50).length;",
        "return new ArrayBuffer(2 ** 31, { maxByteLength: 2 ** 40 } as any).byteLength;",
        "return 'x'.padEnd(2 ** 29).length;",
        "return 'x'.repeat(2 ** 31).length;",
        "return 'x'.repeat(1e7).replaceAll('x', 'yyyyyyyyyy').length;",
        "return Array.from({ length: 2 ** 32 }).length;",
        "return new Array(2 ** 32 - 1).fill(0).length;",
        "return new Array(1e8).join('xx').length;",
        "return JSON.parse('[' + '1,'.repeat(1e7) + '1]').length;",
        "return JSON.stringify(new Array(1e8)).length;",
        "return crypto.getRandomValues(new Uint8Array(1e6)).length;",
        "return new (TextDecoder as any)().decode(new Uint8Array(2 ** 30)).length;",
        "let all: any = ['x']; for (let i = 0; i < 40; i++) all = [all, all]; return all;",
    ])
    .await;
}

#[tokio::test]
async fn what_never_ends() {
    each_fails(&[
        "return [...(function* () { for (;;) yield 1; })()];",
        "const f = async (n: number): Promise<number> => { await null; return f(n + 1); }; return f(0);",
        "for (;;) await crypto.subtle.digest('SHA-512', new Uint8Array(1 << 20));",
        "const refs = new FinalizationRegistry(() => {}); for (;;) refs.register({}, 1);",
        "const all = []; for (;;) all.push(new ReadableStream());",
        "const target = new EventTarget(); for (;;) target.addEventListener('x', () => {});",
        "const seen = new WeakMap(); const all = []; for (;;) { const key = {}; all.push(key); seen.set(key, key); }",
        "for (let n = 2n; ; n *= n) if (n.toString() === '') return 1;",
        "const all: any = {}; for (let i = 0; ; i++) all['key' + i] = Symbol(i);",
        "await new ReadableStream({ pull(c) { c.enqueue('x'); } }).pipeTo(new WritableStream());",
        "for await (const _ of { async *[Symbol.asyncIterator]() { for (;;) yield 1; } } as any);",
        "return { get x(): any { return this.x; } }.x;",
    ])
    .await;
}

/// There is no other thread that could wake it.
#[tokio::test]
async fn nothing_lets_the_thread_sleep() {
    let body = "return typeof Atomics === 'undefined' ? 'none'
                    : Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 60_000);";
    let outcome = attack(body, short).await;
    let none = Outcome::Returned(Some("\"none\"".into()));
    assert!(outcome == none || matches!(outcome, Outcome::Threw(_)), "{outcome:?}");
}
