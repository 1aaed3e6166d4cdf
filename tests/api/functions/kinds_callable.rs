//! `callable`: the body is its input, the answer is its result.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{call, deploy, files, function, invoke, try_deploy};

on_both_engines! {
    the_answer_is_what_it_returns,
    input_and_output_keep_their_schemas,
    its_own_errors_arrive_as_problems,
    what_it_did_not_mean_tells_nothing,
    the_rule_says_who_may,
    keys_need_the_scope,
    what_is_no_call_is_refused,
    types_and_modules_are_resolved,
    state_outside_of_it_is_no_store,
    what_it_returns_has_a_limit,
}

async fn the_answer_is_what_it_returns(server: TestServer) {
    let source = r#"
        export const add = callable({ invoke: "true" }, async (input: { a: number; b: number }) => ({ sum: input.a + input.b }));
        export const echo = callable({ invoke: "true" }, (input: unknown) => input);
        export const nothing = callable({ invoke: "true" }, async () => {});
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    let answer = call(&visitor, "add", &json!({"a": 2, "b": 3})).expect(200).await;
    assert_eq!(answer.body(), json!({"sum": 5}));
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"), "{answer}");
    assert!(answer.header("basalt-invocation").is_some_and(|id| !id.is_empty()), "{answer:?}");
    for value in [json!([1, "two", null, {"three": 3.5}]), json!("漢字 \u{2028} é"), json!(0), json!(false), json!({})]
    {
        assert_eq!(invoke(&visitor, "echo", value.clone()).await, value);
    }
    let nothing = call(&visitor, "nothing", &json!({})).expect(204).await;
    assert!(nothing.bytes.is_empty(), "{nothing}");
}

async fn input_and_output_keep_their_schemas(server: TestServer) {
    let source = r#"
        const options = {
            invoke: "true",
            input: { type: "object", required: ["n"], properties: { n: { type: "integer", maximum: 10 } }, additionalProperties: false },
            output: { type: "object", required: ["half"], properties: { half: { type: "integer" } } },
        };
        export const half = callable(options, async (input: { n: number }, ctx) => {
            ctx.log.info("called");
            return { half: input.n / 2 };
        });
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    assert_eq!(invoke(&visitor, "half", json!({"n": 4})).await, json!({"half": 2}));
    for (input, path) in [(json!({}), "/n"), (json!({"n": 11}), "/n"), (json!({"n": 2, "m": 1}), "/m"), (json!([]), "")]
    {
        let answer = call(&visitor, "half", &input).problem(422, "schema_violation").await;
        assert_eq!(answer.at("/errors/0/path"), path, "{answer}");
    }
    // What it returns is its author's fault, and tells the caller nothing of it.
    let answer = call(&visitor, "half", &json!({"n": 3})).problem(500, "function_result_invalid").await;
    assert!(!answer.text().contains("1.5"), "{answer}");
    // The function never ran for input that its schema refuses; why a call failed is told here.
    let lines = super::support::logs(&server, "half", 3).await;
    let told: Vec<_> = lines.iter().map(|line| (&line["message"], &line["fields"]["code"])).collect();
    assert_eq!((told.len(), told[0].0, told[1].0), (3, &json!("called"), &json!("called")), "{lines:?}");
    assert_eq!(told[2].1, "function_result_invalid", "{lines:?}");
}

async fn its_own_errors_arrive_as_problems(server: TestServer) {
    let source = r#"
        export const refuse = callable({ invoke: "true" }, async (input: any) => {
            throw new FunctionError(input.code, "not this time", input.details, input.status);
        });
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    let answer = call(&visitor, "refuse", &json!({"code": "unlucky"})).problem(400, "unlucky").await;
    assert_eq!(answer.at("/detail"), "not this time");
    assert!(answer.header("basalt-invocation").is_some(), "{answer}");
    let input = json!({"code": "sold_out", "status": 409, "details": {"left": 0}});
    let answer = call(&visitor, "refuse", &input).problem(409, "sold_out").await;
    assert!(answer.text().contains("\"left\":0"), "{answer}");
    // A status that is none, and a code that is none, become the usual ones.
    call(&visitor, "refuse", &json!({"code": "No Code", "status": 200})).problem(400, "function_error").await;
}

async fn what_it_did_not_mean_tells_nothing(server: TestServer) {
    let source = r#"
        export const broken = callable({ invoke: "true" }, async (input: any) => {
            if (input.how === "throw") throw new Error("the canary sings");
            if (input.how === "text") throw "the canary sings";
            if (input.how === "null") throw null;
            if (input.how === "type") return input.missing.canary;
            if (input.how === "reject") return Promise.reject(new RangeError("the canary sings"));
            if (input.how === "bigint") return { big: 10n };
            const round: any = {}; round.round = round; return round;
        });
    "#;
    deploy(&server, source).await;
    for how in ["throw", "text", "null", "type", "reject"] {
        let answer = call(&server.visitor(), "broken", &json!({ "how": how })).problem(500, "function_failed").await;
        assert!(!answer.text().contains("canary"), "{answer}");
        let id = answer.header("basalt-invocation").expect("its id");
        assert!(answer.text().contains(&id), "the invocation is named: {answer}");
    }
    for how in ["bigint", "round"] {
        let answer = call(&server.visitor(), "broken", &json!({ "how": how })).send().await;
        assert_eq!(answer.status, 500, "{answer}");
        answer.assert_is_problem();
    }
    // Who runs the server finds it in the record.
    let record = super::support::invocations(&server, "broken", 7).await;
    assert!(Value::from(record).to_string().contains("the canary sings"));
}

async fn the_rule_says_who_may(server: TestServer) {
    let source = r#"
        export const open = callable({ invoke: "true" }, async (_: unknown, ctx) => ({ auth: ctx.auth }));
        export const signed = callable({ invoke: "auth != null" }, async (_: unknown, ctx) => ({ id: ctx.auth.id }));
        export const editors = callable({ invoke: "'editor' in auth.roles" }, async () => ({}));
        export const closed = callable(async () => ({}));
    "#;
    deploy(&server, source).await;
    let (visitor, ann, bob) = (server.visitor(), server.user("ann").await, server.user("bob").await);
    assert_eq!(invoke(&visitor, "open", json!({})).await, json!({"auth": null}));
    assert_eq!(invoke(&ann, "open", json!({})).await["auth"]["id"], ann.id.as_str());
    call(&visitor, "signed", &json!({})).problem(401, "unauthenticated").await;
    assert_eq!(invoke(&ann, "signed", json!({})).await, json!({ "id": ann.id }));
    server.declare(&["editor"]).await;
    let path = format!("/v1/admin/users/{}", bob.id);
    server.owner().patch(&path).json(&json!({"roles": ["editor"]})).expect(200).await;
    call(&ann, "editors", &json!({})).problem(403, "rule_denied").await;
    invoke(&bob, "editors", json!({})).await;
    // Without a rule, and without one for all functions, it is nobody's.
    for client in [&visitor, &*ann, &*bob] {
        let answer = call(client, "closed", &json!({})).send().await;
        assert!([401, 403].contains(&answer.status), "{answer}");
    }
    call(&ann, "closed", &json!({})).problem(403, "rule_missing").await;
    invoke(server.service(), "closed", json!({})).await;
}

async fn keys_need_the_scope(server: TestServer) {
    let source = r#"
        export const first = callable(async () => "first");
        export const second = callable(async () => "second");
    "#;
    deploy(&server, source).await;
    let all = server.key(&["functions:write"]).await;
    let one = server.key(&["functions:write:first"]).await;
    let (reader, other) = (server.key(&["functions:read"]).await, server.key(&["documents:write"]).await);
    assert_eq!(invoke(&all, "first", json!({})).await, "first");
    assert_eq!(invoke(&all, "second", json!({})).await, "second");
    assert_eq!(invoke(&one, "first", json!({})).await, "first");
    call(&one, "second", &json!({})).problem(403, "scope_missing").await;
    for key in [reader, other] {
        let answer = call(&key, "first", &json!({})).problem(403, "scope_missing").await;
        assert!(answer.text().contains("functions:write"), "the scope is named: {answer}");
    }
}

async fn what_is_no_call_is_refused(server: TestServer) {
    deploy(&server, "export const add = callable({ invoke: \"true\" }, async (input: any) => input.a);").await;
    let visitor = server.visitor();
    call(&visitor, "nobody", &json!({})).problem(404, "function_not_found").await;
    for bad in ["a.b", "_system", "a%20b"] {
        let answer = call(&visitor, bad, &json!({})).send().await;
        assert!([400, 404].contains(&answer.status), "{bad}: {answer}");
        answer.assert_is_problem();
    }
    let path = function("add");
    call(&visitor, "add@nowhere", &json!({})).problem(404, "alias_not_found").await;
    visitor.post(&path).query(&[("alias", "nowhere")]).json(&json!({})).problem(404, "alias_not_found").await;
    visitor.post(&path).query(&[("colour", "red")]).json(&json!({})).problem(400, "unknown_parameter").await;
    visitor.post(&path).body("application/json", *b"{\"a\":").problem(400, "bad_json").await;
    visitor.post(&path).body("text/plain", *b"{}").problem(415, "unsupported_media_type").await;
    let answer = visitor.get(&path).problem(405, "method_not_allowed").await;
    assert_eq!(answer.header("allow").as_deref(), Some("POST"), "{answer}");
    let large = json!({"a": "x".repeat(12 << 20)});
    call(&visitor, "add", &large).problem(413, "too_large").await;
    // A token that is sent and bad is no visitor.
    call(&visitor.with_token("bst_nonsense"), "add", &json!({})).expect(401).await;
}

async fn types_and_modules_are_resolved(server: TestServer) {
    let main = r#"
        import { callable } from "basalt:functions";
        import { Greeter, type Greeting } from "./lib/greet.ts";
        import words from "./words.json";
        export enum Tone { Warm = "warm", Cold = "cold" }
        interface Input { readonly name: string; tone?: Tone }
        const tones = { warm: "!", cold: "." } as const satisfies Record<Tone, string>;
        export const greet = callable<Input, Greeting>({ invoke: "true" }, async ({ name, tone = Tone.Warm }) =>
            new Greeter(words.hello).greet(`${name}${tones[tone]}`));
        export const notOne = () => 1;
        export default 7;
    "#;
    let library = r#"
        import type { Unused } from "./nowhere.ts";
        export interface Greeting { text: string; at?: Unused }
        export class Greeter { #word: string; constructor(private readonly word: string) { this.#word = word; }
            greet<T extends string>(who: T): Greeting { return { text: `${this.#word}, ${who}` }; } }
    "#;
    let body = files(&[
        ("functions/main.ts", main),
        ("functions/lib/greet.ts", library),
        ("functions/words.json", r#"{"hello": "Hello"}"#),
        ("functions/_private.ts", "export const hidden = 1;"),
        ("functions/types.d.ts", "declare const x: number;"),
        (
            "functions/plain.js",
            "import { callable } from \"basalt:functions\"; export const plain = callable({ invoke: \"true\" }, () => \"js\");",
        ),
    ]);
    let answer = try_deploy(&server, &body).await.expect(200);
    let mut named: Vec<String> = answer
        .at("/plan")
        .as_array()
        .expect("a plan")
        .iter()
        .map(|change| change["function"].as_str().unwrap_or_default().to_owned())
        .collect();
    named.sort();
    assert_eq!(named, ["greet", "plain"], "{answer}");
    let visitor = server.visitor();
    assert_eq!(invoke(&visitor, "greet", json!({"name": "Ann"})).await, json!({"text": "Hello, Ann!"}));
    assert_eq!(invoke(&visitor, "greet", json!({"name": "Ann", "tone": "cold"})).await["text"], "Hello, Ann.");
    assert_eq!(invoke(&visitor, "plain", json!({})).await, "js");
    call(&visitor, "notOne", &json!({})).problem(404, "function_not_found").await;
}

async fn state_outside_of_it_is_no_store(server: TestServer) {
    let source = r#"
        let calls = 0;
        export const fresh = callable({ invoke: "true", isolation: "fresh" }, async () => ++calls);
        export const other = callable({ invoke: "true", isolation: "fresh" }, async () => ++calls);
    "#;
    deploy(&server, source).await;
    for _ in 0..3 {
        assert_eq!(invoke(&server.visitor(), "fresh", json!({})).await, 1);
    }
    assert_eq!(invoke(&server.visitor(), "other", json!({})).await, 1);
}

async fn what_it_returns_has_a_limit(server: TestServer) {
    let source = r#"
        export const big = callable({ invoke: "true" }, async (input: { bytes: number }) => "x".repeat(input.bytes));
    "#;
    deploy(&server, source).await;
    let answer = call(&server.visitor(), "big", &json!({"bytes": 1 << 20})).expect(200).await;
    assert_eq!(answer.bytes.len(), (1 << 20) + 2);
    call(&server.visitor(), "big", &json!({"bytes": 7 << 20})).problem(500, "function_result_invalid").await;
    assert_eq!(invoke(&server.visitor(), "big", json!({"bytes": 1})).await, "x");
}
