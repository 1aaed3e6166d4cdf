//! Declaring, calling, answering, failing.

use basalt_runtime::{Kind, Outcome};
use serde_json::{Value, json};

use crate::support::{Instance, callable, returned};

#[test]
fn both_forms_declare_and_other_exports_are_ignored() {
    let instance = Instance::new(
        r#"import { callable, http, onDocument, onUser, onSchedule } from "basalt:functions";
        export const b = callable({ timeout: "1s" }, () => 1);
        export const a = callable(() => 1);
        export const h = http({ invoke: "true" }, () => new Response());
        export const d = onDocument("notes", { on: ["create"], when: "doc.n > 3" }, () => {});
        export const e = onDocument("notes", () => {});
        export const u = onUser(() => {});
        export const s = onSchedule("0 3 * * *", { timezone: "Asia/Shanghai" }, () => {});
        export const other = 7, helper = () => 1, forged = { kind: "callable", subject: null, options: {} };
        export default null;"#,
    );
    let all = instance.declarations();
    let told: Vec<_> =
        all.iter().map(|d| (d.export.as_str(), d.kind, d.subject.as_deref(), d.options.clone())).collect();
    assert_eq!(
        told,
        [
            ("a", Kind::Callable, None, json!({})),
            ("b", Kind::Callable, None, json!({"timeout": "1s"})),
            ("d", Kind::OnDocument, Some("notes"), json!({"on": ["create"], "when": "doc.n > 3"})),
            ("e", Kind::OnDocument, Some("notes"), json!({})),
            ("h", Kind::Http, None, json!({"invoke": "true"})),
            ("s", Kind::OnSchedule, Some("0 3 * * *"), json!({"timezone": "Asia/Shanghai"})),
            ("u", Kind::OnUser, None, json!({})),
        ]
    );
}

#[test]
fn what_a_function_returns_is_its_answer() {
    assert_eq!(callable("return { sum: input.a + input.b };").returns(&json!({"a": 1, "b": 2})), json!({"sum": 3}));
    assert_eq!(callable("").call("f", Kind::Callable, &Value::Null), Outcome::Returned(None));
    assert!(matches!(callable("return 1n;").call("f", Kind::Callable, &Value::Null), Outcome::BadResult(_)));
    assert!(matches!(callable("return () => 1;").call("f", Kind::Callable, &Value::Null), Outcome::BadResult(_)));
    assert!(matches!(
        callable("const a = []; a.push(a); return a;").call("f", Kind::Callable, &Value::Null),
        Outcome::BadResult(_)
    ));
}

#[test]
fn a_function_error_is_a_refusal_and_others_are_faults() {
    let thrown = callable("throw new FunctionError('unlucky', 'not 13', { n: 13 }, 418);").throws();
    assert_eq!(thrown.refusal, Some(("unlucky".to_owned(), 418, json!({"n": 13}))));
    assert_eq!(thrown.message, "not 13");
    let thrown = callable("null.x;").throws();
    assert_eq!((thrown.refusal, thrown.name.as_str()), (None, "TypeError"));
    assert!(thrown.stack.unwrap().contains("functions/f.js:"));
    assert_eq!(callable("throw 'text';").throws().message, "text");
    assert_eq!(callable("throw null;").throws().name, "null");
    // Whatever is thrown, something is told.
    callable("throw new Proxy({}, { get() { throw 1; } });").throws();
    callable("throw { get message() { throw 1; } };").throws();
}

#[test]
fn ctx_says_who_calls_and_hides_secrets_from_logs() {
    let said = returned(
        "return [ctx.auth, ctx.function, ctx.alias, ctx.version, ctx.idempotencyKey, ctx.attempt, ctx.env.MODE,
                 ctx.secrets.TOKEN, ctx.secrets.OTHER ?? null, JSON.stringify(ctx.secrets), Object.keys(ctx.secrets)];",
    );
    let expected = json!([{"id": "u1"}, "f", "live", 3, "e1", 2, "test", "s3cret", null, "{}", []]);
    assert_eq!(said, expected);
}

#[test]
fn logs_have_levels_and_fields() {
    let instance = callable(
        "console.log('one', 2, { three: [4] }); console.warn({ a: new Map([[1, 'x']]) }); console.error(new Error('no'));
         ctx.log.debug('plain'); ctx.log.info('with', { n: 1 }); const o = {}; o.o = o; ctx.log.info('round', o);",
    );
    instance.call("f", Kind::Callable, &Value::Null);
    let logs = &instance.seen.borrow().logs;
    assert_eq!(logs[0], ("info".into(), "one 2".into(), json!({"three": [4]})));
    assert_eq!(logs[1], ("warn".into(), "{ a: Map(1) { 1 => \"x\" } }".into(), json!({})));
    assert!(logs[2].0 == "error" && logs[2].1.starts_with("Error: no\n"), "{:?}", logs[2]);
    assert_eq!(logs[3], ("debug".into(), "plain".into(), json!({})));
    assert_eq!(logs[4], ("info".into(), "with".into(), json!({"n": 1})));
    assert_eq!(logs[5].2, json!({"fields": "{ o: [Circular] }"}));
}

#[test]
fn timers_run_in_order_and_end_with_the_call() {
    let instance = callable(
        "const seen = [];
         setTimeout((x) => seen.push(x), 20, 'late');
         const never = setTimeout(() => seen.push('never'), 5); clearTimeout(never);
         const tick = setInterval(() => { seen.push('tick'); if (seen.length === 3) clearInterval(tick); }, 4);
         queueMicrotask(() => seen.push('soon'));
         setInterval(() => {}, 1000);
         await new Promise((done) => setTimeout(done, 30));
         return seen;",
    );
    assert_eq!(instance.returns(&Value::Null), json!(["soon", "tick", "tick", "late"]));
    assert_eq!(instance.returns(&Value::Null), json!(["soon", "tick", "tick", "late"]));
}

#[test]
fn what_is_left_of_a_call_reaches_no_host() {
    let instance = callable(
        "Promise.resolve().then(async () => { for (let i = 0; i < 20; i++) await null; await ctx.db.collection('a').get('x'); })
           .catch((error) => { globalThis.left = error.code; });
         return globalThis.left ?? null;",
    );
    assert_eq!(instance.returns(&Value::Null), Value::Null);
    instance.drain();
    assert_eq!(instance.returns(&Value::Null), json!("call_ended"));
    assert!(instance.seen.borrow().calls.is_empty());
}

#[test]
fn a_poisoned_prototype_doesnt_break_the_next_call() {
    let instance = callable(
        "JSON.stringify = JSON.parse = () => { throw 1; };
         Object.keys = Object.entries = Object.defineProperty = () => { throw 2; };
         Array.prototype.map = Array.prototype.join = Array.prototype[Symbol.iterator] = () => { throw 3; };
         WeakMap.prototype.get = Map.prototype.get = () => { throw 4; };
         String.prototype.slice = Function.prototype.call = Function.prototype.apply = () => { throw 5; };
         Reflect.apply = () => { throw 6; };
         return input;",
    );
    for n in 0..2 {
        assert_eq!(instance.returns(&json!({"n": n})), json!({"n": n}));
    }
}

#[test]
fn modules_of_one_deploy_import_each_other() {
    let instance = Instance::of(&[
        (
            "functions/f.js",
            r#"import { callable } from "basalt:functions"; import { twice } from "../lib/twice"; import d from "./d.json";
            export const f = callable((n) => twice(n) + d.more);"#,
        ),
        ("lib/twice.ts", "export const twice = (n: number): number => n * 2;"),
        ("functions/d.json", r#"{"more": 1, "__proto__": 3}"#),
    ]);
    assert_eq!(instance.returns(&json!(4)), json!(9));
}
