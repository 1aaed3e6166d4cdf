//! `ctx`: what a function may do, as whom, and what it may not.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{call, collected, define_closed, deploy, eventually, invoke, logs, module, try_deploy};
use crate::files::support::{bytes, define_bucket, open};
use crate::support::{create, define_notes, define_open, get};

on_both_engines! {
    the_database_is_asked_as_the_caller,
    as_the_service_only_where_it_says_so,
    a_transaction_of_a_function_is_all_or_nothing,
    errors_of_the_server_can_be_caught,
    functions_call_functions,
    calls_within_calls_end,
    calls_at_once_are_bounded,
    nothing_of_the_host_is_reached,
    web_standards_are_there,
    secrets_never_show,
    the_log_has_levels_and_fields,
    files_are_read_and_written,
    messages_go_out_through_the_outbox,
    channels_hear_what_functions_say,
    an_event_of_a_functions_own_write_does_not_go_round_for_ever,
}

async fn the_database_is_asked_as_the_caller(server: TestServer) {
    define_notes(&server).await;
    let source = r#"
        export const add = callable({ invoke: "true" }, async (input: any, ctx) => ctx.db.collection("notes").create(input));
        export const list = callable({ invoke: "true" }, async (_: unknown, ctx) => (await ctx.db.collection("notes").where("rank", ">", 0).list()).items.map((note: any) => note.id));
        export const count = callable({ invoke: "true" }, async (_: unknown, ctx) => ctx.db.collection("notes").where("rank", ">", 0).count());
        export const change = callable({ invoke: "true" }, async (input: any, ctx) => ctx.db.collection("notes").update(input.id, { rank: 7 }));
        export const remove = callable({ invoke: "true" }, async (input: any, ctx) => { await ctx.db.collection("notes").delete(input.id); });
    "#;
    deploy(&server, source).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let made = invoke(&ann, "add", json!({"id": "a", "owner": ann.id, "rank": 1})).await;
    assert_eq!(get(&ann, "notes", "a").await, made);
    create(&bob, "notes", json!({"id": "b", "owner": bob.id, "rank": 1})).await;
    // Each gets through a function what he gets without it.
    call(&ann, "add", &json!({"owner": bob.id})).problem(403, "rule_denied").await;
    call(&server.visitor(), "add", &json!({"owner": ann.id})).problem(401, "unauthenticated").await;
    assert_eq!(invoke(&ann, "list", json!({})).await, json!(["a"]));
    assert_eq!(invoke(&bob, "list", json!({})).await, json!(["b"]));
    assert_eq!(invoke(&server.visitor(), "list", json!({})).await, json!([]));
    assert_eq!(invoke(&ann, "count", json!({})).await, 1);
    call(&bob, "change", &json!({"id": "a"})).problem(404, "document_not_found").await;
    call(&bob, "remove", &json!({"id": "a"})).problem(404, "document_not_found").await;
    assert_eq!(invoke(&ann, "change", json!({"id": "a"})).await["rank"], 7);
    call(&ann, "remove", &json!({"id": "a"})).expect(204).await;
    // A key has its own scopes there, and no more.
    let key = server.key(&["functions:write"]).await;
    call(&key, "add", &json!({"owner": ann.id})).problem(403, "scope_missing").await;
}

async fn as_the_service_only_where_it_says_so(server: TestServer) {
    define_closed(&server, "closed").await;
    let source = r#"
        export const both = callable({ invoke: "true" }, async (input: any, ctx) => {
            const service = ctx.asService();
            await service.db.collection("closed").create({ id: input.id });
            const mine = await ctx.db.collection("closed").create({ id: input.id + "x" }).then(() => "written", (error: any) => error.code);
            const again = await service.db.collection("closed").get(input.id);
            return { mine, again: again.id };
        });
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    let told = invoke(&ann, "both", json!({"id": "a"})).await;
    assert_eq!(told["again"], "a");
    assert!(["rule_missing", "rule_denied"].contains(&told["mine"].as_str().unwrap_or_default()), "{told}");
    // The log of changes names who did it.
    let changes = server.service().get("/v1/changes?collection=closed").expect(200).await;
    let actor = &changes.items()[0]["actor"];
    assert!(actor.to_string().contains("both"), "the function is named: {actor}");
}

async fn a_transaction_of_a_function_is_all_or_nothing(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const move = callable({ invoke: "true" }, async (input: any, ctx) => ctx.db.transaction(async (tx: any) => {
            const from = await tx.collection("open").get(input.from);
            const to = await tx.collection("open").get(input.to);
            tx.collection("open").update(input.from, { n: from.n - input.n });
            tx.collection("open").update(input.to, { n: to.n + input.n });
            if (from.n < input.n) throw new FunctionError("too_little", "not enough", { left: from.n }, 409);
            return from.n - input.n;
        }));
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    for id in ["a", "b"] {
        create(&visitor, "open", json!({"id": id, "n": 100})).await;
    }
    let input = |n: i64| json!({"from": "a", "to": "b", "n": n});
    assert_eq!(invoke(&visitor, "move", input(30)).await, 70);
    call(&visitor, "move", &input(71)).problem(409, "too_little").await;
    let moving = (0..10).map(|_| call(&visitor, "move", &input(1)).send());
    let answers = futures_util::future::join_all(moving).await;
    let done = i64::try_from(answers.iter().filter(|answer| answer.status == 200).count()).unwrap();
    assert!(answers.iter().all(|answer| [200, 409, 412].contains(&answer.status)), "{answers:?}");
    let (a, b) = (get(&visitor, "open", "a").await, get(&visitor, "open", "b").await);
    assert_eq!((&a["n"], &b["n"]), (&json!(70 - done), &json!(130 + done)));
    assert!(done >= 5, "conflicts are tried again: {done}");
}

async fn errors_of_the_server_can_be_caught(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const tried = callable({ invoke: "true" }, async (_: unknown, ctx) => {
            const told = [];
            const errors = [
                () => ctx.db.collection("nowhere").create({}),
                () => ctx.db.collection("open").create({ id: "bad id" }),
                () => ctx.db.collection("open").update("missing", {}),
                () => ctx.db.collection("open").where("n", "<", {} as any).list(),
            ];
            for (const attempt of errors) {
                try { await attempt(); told.push(null); } catch (error: any) { told.push({ known: error instanceof FunctionError, code: error.code, status: error.status }); }
            }
            return told;
        });
        export const through = callable({ invoke: "true" }, async (_: unknown, ctx) => ctx.db.collection("open").update("missing", {}));
    "#;
    deploy(&server, source).await;
    let told = invoke(&server.visitor(), "tried", json!({})).await;
    let statuses: Vec<Value> = told.as_array().expect("a list").iter().map(|error| error["status"].clone()).collect();
    assert_eq!((&statuses[0], &statuses[1], &statuses[2]), (&json!(404), &json!(400), &json!(404)), "{told}");
    assert!(told[0]["known"] == true && told[0]["code"] == "collection_not_found", "{told}");
    call(&server.visitor(), "through", &json!({})).problem(404, "document_not_found").await;
}

async fn functions_call_functions(server: TestServer) {
    let source = r#"
        export const inner = callable({ invoke: "auth != null" }, async (input: any, ctx) => ({ got: input, who: ctx.auth?.id ?? null }));
        export const closed = callable(async () => "reached");
        export const outer = callable({ invoke: "true" }, async (input: any, ctx) => {
            const service = input.service ? ctx.asService() : ctx;
            return service.functions.invoke(input.name, { n: 1 });
        });
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    let told = invoke(&ann, "outer", json!({"name": "inner"})).await;
    assert_eq!(told, json!({"got": {"n": 1}, "who": ann.id}));
    call(&server.visitor(), "outer", &json!({"name": "inner"})).problem(401, "unauthenticated").await;
    call(&ann, "outer", &json!({"name": "closed"})).problem(403, "rule_missing").await;
    assert_eq!(invoke(&ann, "outer", json!({"name": "closed", "service": true})).await, "reached");
    call(&ann, "outer", &json!({"name": "nobody"})).problem(404, "function_not_found").await;
}

async fn calls_within_calls_end(server: TestServer) {
    let source = r#"
        export const down = callable({ invoke: "true" }, async (input: { n: number }, ctx) =>
            input.n === 0 ? "the bottom" : ctx.functions.invoke("down", { n: input.n - 1 }));
        export const ping = callable({ invoke: "true" }, async (_: unknown, ctx) => ctx.functions.invoke("pong", {}));
        export const pong = callable({ invoke: "true" }, async (_: unknown, ctx) => ctx.functions.invoke("ping", {}));
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    assert_eq!(invoke(&visitor, "down", json!({"n": 5})).await, "the bottom");
    call(&visitor, "down", &json!({"n": 50})).problem(508, "call_depth_exceeded").await;
    call(&visitor, "ping", &json!({})).problem(508, "call_depth_exceeded").await;
    assert_eq!(invoke(&visitor, "down", json!({"n": 1})).await, "the bottom");
}

async fn calls_at_once_are_bounded(server: TestServer) {
    let source = r#"
        export const slow = callable({ invoke: "true", concurrency: 2, queue: 2 }, async () => { await new Promise((done) => setTimeout(done, 300)); return "done"; });
        export const quick = callable({ invoke: "true" }, async () => "quick");
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    let calls = (0..20).map(|_| call(&visitor, "slow", &json!({})).send());
    let both = futures_util::future::join(
        futures_util::future::join_all(calls),
        futures_util::future::join_all((0..20).map(|_| call(&visitor, "quick", &json!({})).send())),
    );
    let (slow, quick) = both.await;
    assert!(quick.iter().all(|answer| answer.status == 200), "another function's calls don't suffer: {quick:?}");
    let done = slow.iter().filter(|answer| answer.status == 200).count();
    let busy: Vec<_> = slow.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(done + busy.len(), 20, "{slow:?}");
    assert!(done >= 4 && busy.len() >= 10, "{done} were done");
    for answer in busy {
        assert_eq!(answer.code().as_deref(), Some("function_busy"));
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    invoke(&visitor, "slow", json!({})).await;
}

async fn nothing_of_the_host_is_reached(server: TestServer) {
    let source = r#"
        export const look = callable({ invoke: "true" }, async () => {
            const names = ["process", "require", "Deno", "Bun", "std", "os", "bjson", "Worker", "WebAssembly", "load", "print", "gc", "__host", "host", "scriptArgs"];
            return names.filter((name) => typeof (globalThis as any)[name] !== "undefined");
        });
        export const build = callable({ invoke: "true" }, async () => {
            const found: string[] = [];
            for (const make of [() => eval("1"), () => new Function("return 1")(), () => (async () => {}).constructor("return 1")()]) {
                try { make(); found.push("ran"); } catch { found.push("refused"); }
            }
            return found;
        });
        export const proto = callable({ invoke: "true" }, async (input: any) => {
            (Object.prototype as any).polluted = "yes"; (Array.prototype as any).map = () => "stolen"; JSON.stringify = (() => "\"stolen\"") as any; (globalThis as any).Promise = null;
            return { it: "is", list: [1, 2], input };
        });
        export const other = callable({ invoke: "true" }, async () => ({ polluted: ({} as any).polluted ?? null, mapped: [1].map((n) => n + 1) }));
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    assert_eq!(invoke(&visitor, "look", json!({})).await, json!([]));
    for name in
        ["std", "os", "node:fs", "/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "data:text/javascript,1"]
    {
        let fixed =
            format!("import * as it from \"{name}\";\nexport const load = callable(async () => Object.keys(it));");
        let _ = try_deploy(&server, &module(&fixed)).await.problem(422, "invalid_definition");
    }
    let dynamic = "export const load = callable(async (input: { name: string }) => import(input.name));";
    let answer = try_deploy(&server, &module(dynamic)).await.problem(422, "invalid_definition");
    assert_eq!(answer.at("/errors/0/code"), "dynamic_import", "{answer}");
    assert_eq!(invoke(&visitor, "build", json!({})).await, json!(["refused", "refused", "refused"]));
    let told = invoke(&visitor, "proto", json!({"n": 1})).await;
    assert_eq!(told, json!({"it": "is", "list": [1, 2], "input": {"n": 1}}), "answers are made by what it can't touch");
    assert_eq!(invoke(&visitor, "other", json!({})).await, json!({"polluted": null, "mapped": [2]}));
}

async fn web_standards_are_there(server: TestServer) {
    let source = r#"
        const hex = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");
        export const web = callable({ invoke: "true" }, async () => {
            const url = new URL("../b?x=1&y=%20#f", "https://example.com:8443/a/c");
            url.searchParams.append("z", "é");
            const text = new TextDecoder().decode(new TextEncoder().encode("漢字"));
            const headers = new Headers([["A", "1"], ["a", "2"]]);
            const request = new Request("https://example.com/", { method: "POST", body: "{\"n\":1}" });
            const abort = new AbortController(); abort.abort();
            const copy = structuredClone({ at: new Date(0), map: new Map([[1, { deep: true }]]), bytes: new Uint8Array([1]) });
            const timed = await new Promise((done) => { const gone = setTimeout(() => done("wrong"), 1); clearTimeout(gone); setTimeout(() => done("right"), 5); });
            let order = ""; queueMicrotask(() => order += "micro"); await null; await null;
            return { href: url.href, text, headers: headers.get("a"), json: (await request.json()).n, aborted: abort.signal.aborted,
                clone: copy.at.getTime() === 0 && copy.map.get(1)!.deep && copy.bytes[0] === 1, timed, order,
                base64: atob(btoa("Basalt")), digest: hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("abc"))),
                uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
                random: crypto.getRandomValues(new Uint8Array(16)).some((byte) => byte > 0), status: new Response("x", { status: 201 }).status,
                stream: await new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("piece")); c.close(); } })).text() };
        });
    "#;
    deploy(&server, source).await;
    let told = invoke(&server.visitor(), "web", json!({})).await;
    let wanted = json!({
        "href": "https://example.com:8443/b?x=1&y=+&z=%C3%A9#f", "text": "漢字", "headers": "1, 2", "json": 1, "aborted": true,
        "clone": true, "timed": "right", "order": "micro", "base64": "Basalt",
        "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "uuid": true, "random": true, "status": 201, "stream": "piece",
    });
    assert_eq!(told, wanted);
}

/// The canary is a secret's value: wherever it comes out, it doesn't.
async fn secrets_never_show(server: TestServer) {
    const CANARY: &str = "canary-6f1d9c27b8";
    let source = r#"
        export const spill = callable({ invoke: "true" }, async (input: any, ctx) => {
            const secret = ctx.secrets.CANARY;
            ctx.log.info(`it is ${secret}`, { field: secret, deep: { list: [secret] } });
            console.log("console", secret);
            if (input.how === "throw") throw new Error(`with ${secret}`);
            if (input.how === "refuse") throw new FunctionError("spilled", `with ${secret}`, { secret });
            return { length: secret.length, keys: Object.keys(ctx.secrets) };
        });
    "#;
    let value = json!({ "value": CANARY });
    let answer = server.owner().put("/v1/admin/secrets/CANARY").json(&value).send().await;
    assert!([200, 201, 204].contains(&answer.status), "{answer}");
    deploy(&server, source).await;
    let visitor = server.visitor();
    let told = invoke(&visitor, "spill", json!({})).await;
    assert_eq!(
        told,
        json!({"length": CANARY.len(), "keys": []}),
        "they are not listed, so that no log has them by accident"
    );
    let thrown = call(&visitor, "spill", &json!({"how": "throw"})).problem(500, "function_failed").await;
    let refused = call(&visitor, "spill", &json!({"how": "refuse"})).problem(400, "spilled").await;
    let lines = logs(&server, "spill", 6).await;
    super::support::invocations(&server, "spill", 3).await;
    let owner = server.owner();
    let mut said = vec![thrown.text(), refused.text(), Value::from(lines).to_string()];
    for path in [
        "secrets",
        "functions",
        "functions/spill",
        "functions/spill/versions/1",
        "invocations",
        "logs",
        "audit",
        "deadletters",
    ] {
        said.push(owner.get(&format!("/v1/admin/{path}")).expect(200).await.text());
    }
    for path in ["/metrics", "/v1/changes"] {
        said.push(server.service().get(path).expect(200).await.text());
    }
    for text in said {
        assert!(!text.contains(CANARY), "{text}");
    }
    let names = owner.get("/v1/admin/secrets").expect(200).await;
    assert!(names.text().contains("CANARY"), "{names}");
}

async fn the_log_has_levels_and_fields(server: TestServer) {
    let source = r#"
        export const talk = callable({ invoke: "true" }, async (_: unknown, ctx) => {
            ctx.log.debug("first", { n: 1 }); ctx.log.info("second"); ctx.log.warn("third"); ctx.log.error("fourth", { deep: { list: [1] } });
            console.debug("fifth", { a: 1 }, [2]); console.error("sixth");
        });
    "#;
    deploy(&server, source).await;
    let answer = call(&server.visitor(), "talk", &json!({})).expect(204).await;
    let id = answer.header("basalt-invocation").expect("an id");
    let lines = logs(&server, "talk", 6).await;
    let mut told: Vec<(String, String)> = lines
        .iter()
        .map(|line| {
            assert_eq!((&line["invocation"], &line["function"]), (&json!(id), &json!("talk")), "{line}");
            (
                line["level"].as_str().unwrap_or_default().to_owned(),
                line["message"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    told.sort();
    let levels: Vec<&str> = told.iter().map(|(level, _)| level.as_str()).collect();
    assert_eq!(levels, ["debug", "debug", "error", "error", "info", "warn"]);
    assert!(lines.iter().any(|line| line["fields"] == json!({"n": 1})), "{lines:?}");
    let errors = server.owner().get("/v1/admin/logs?function=talk&level=error").expect(200).await;
    assert!(errors.items().iter().all(|line| line["level"] == "error") && errors.items().len() == 2, "{errors}");
    let one = server.owner().get(&format!("/v1/admin/invocations/{id}")).expect(200).await;
    assert!(one.text().contains("fourth") && one.text().contains("second"), "{one}");
}

async fn files_are_read_and_written(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    define_bucket(&server, "closed", &json!({})).await;
    let source = r#"
        export const turn = callable({ invoke: "true" }, async (input: any, ctx) => {
            const files = input.service ? ctx.asService().files : ctx.files;
            const bytes = new Uint8Array(await files.bucket(input.bucket).read("a"));
            const made = await files.bucket(input.bucket).write("b", bytes.reverse(), { contentType: "application/octet-stream" });
            return { size: made.size, names: (await files.bucket(input.bucket).list()).items.map((file: any) => file.path) };
        });
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    crate::files::support::put(&visitor, "docs", "a", &[0, 1, 2, 255]).await;
    let told = invoke(&visitor, "turn", json!({"bucket": "docs"})).await;
    assert_eq!(told, json!({"size": 4, "names": ["a", "b"]}));
    assert_eq!(bytes(&visitor, "docs", "b").await, [255, 2, 1, 0]);
    crate::files::support::put(server.service(), "closed", "a", b"x").await;
    let answer = call(&visitor, "turn", &json!({"bucket": "closed"})).send().await;
    assert!([401, 403, 404].contains(&answer.status), "{answer}");
    let told = invoke(&visitor, "turn", json!({"bucket": "closed", "service": true})).await;
    assert_eq!(told["size"], 1);
}

async fn messages_go_out_through_the_outbox(server: TestServer) {
    let source = r#"
        export const tell = callable({ invoke: "true" }, async (_: unknown, ctx) => {
            const email = await ctx.email.send({ to: "ann@example.com", subject: "Hello", text: "there" });
            const push = await ctx.push.send({ to: { users: ["u1"] }, content: { title: "Hello" } });
            const sms = await ctx.sms.send({ to: "+8613800000000", text: "hello" });
            return [email.id, push.id, sms.id].every((id) => typeof id === "string" && id.length > 0);
        });
    "#;
    deploy(&server, source).await;
    assert_eq!(invoke(&server.visitor(), "tell", json!({})).await, true);
}

async fn channels_hear_what_functions_say(server: TestServer) {
    let rules = json!({"rules": {"join": "true", "publish": "false"}});
    let answer = server.owner().put("/v1/admin/channels/room:{room}").json(&rules).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
    let source = r#"
        export const say = callable({ invoke: "true" }, async (input: any, ctx) =>
            { await (input.service ? ctx.asService() : ctx).channels.publish("room:1", "said", { text: input.text }); });
    "#;
    deploy(&server, source).await;
    let mut socket = server.visitor().socket().await;
    socket.send(&json!({"type": "join", "id": "j", "channel": "room:1"})).await;
    socket.next_of("ok").await;
    let answer = call(&server.visitor(), "say", &json!({"text": "no"})).send().await;
    assert!([401, 403].contains(&answer.status), "{answer}");
    call(&server.visitor(), "say", &json!({"text": "hello", "service": true})).expect(204).await;
    let frame = socket.next_of("message").await;
    assert_eq!((&frame["event"], &frame["data"]["text"]), (&json!("said"), &json!("hello")));
}

/// A function that writes what wakes it: each event is deeper than the one before, and there is an end.
async fn an_event_of_a_functions_own_write_does_not_go_round_for_ever(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const round = onDocument("open", { on: ["create"], retries: 1 }, async (event: any, ctx) => {
            await ctx.asService().db.collection("open").create({ n: event.doc.n + 1 });
        });
    "#;
    deploy(&server, source).await;
    create(&server.visitor(), "open", json!({"n": 0})).await;
    collected(&server, "open", 5).await;
    eventually("the end of it", || async {
        let letters = server.owner_again().await.get("/v1/admin/deadletters").expect(200).await;
        letters.text().contains("call_depth_exceeded").then_some(())
    })
    .await;
    let made = collected(&server, "open", 5).await.len();
    assert!(made <= 20, "{made}");
}
