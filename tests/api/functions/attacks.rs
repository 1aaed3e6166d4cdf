//! Code that means harm, through HTTP: each ends in its own clear error, and nobody else notices.

use std::time::Duration;

use basalt_testing::{Client, TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::{call, deploy, files, function, invoke, logs, try_deploy};
use crate::support::{create, define_open, get};

on_both_engines! {
    each_attack_ends_in_its_own_error,
    others_keep_answering_meanwhile,
    a_worker_that_is_lost_takes_nobody_along,
    a_thousand_slow_calls_are_bounded,
    a_flood_of_lines_is_cut,
    a_rejection_that_nobody_handles_is_a_line,
    what_is_no_good_deploy_changes_nothing,
    names_that_mislead_are_refused,
    private_addresses_are_not_reached,
}

/// What is thrown at the server: an attack, and what it may end in.
const ATTACKS: &[(&str, &[&str])] = &[
    ("for (;;);", &["function_timeout"]),
    ("for (;;) try { for (;;); } finally { continue; }", &["function_timeout"]),
    (
        "const again = (): any => Promise.resolve().then(again); await again();",
        &["function_timeout", "function_out_of_memory"],
    ),
    ("await new Promise(() => {});", &["function_timeout", "function_failed"]),
    (
        "const big = new Array(2e6).fill(0); for (let i = 0; i < 1e6; i++) big.indexOf(i + 1);",
        &["function_timeout", "function_worker_lost"],
    ),
    (
        "const text = \"a\".repeat(1e6); for (let i = 0; i < 1e6; i++) text.indexOf(\"b\");",
        &["function_timeout", "function_worker_lost"],
    ),
    ("/(a+)+$/.test(\"a\".repeat(40) + \"b\");", &["function_timeout", "function_worker_lost"]),
    (
        "let big = 3n; for (;;) big = big * big;",
        &["function_timeout", "function_out_of_memory", "function_worker_lost", "function_failed"],
    ),
    ("const all = []; for (;;) all.push(new Array(1e4).fill(1));", &["function_out_of_memory"]),
    ("const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));", &["function_out_of_memory"]),
    ("let text = \"x\"; for (;;) text += text;", &["function_out_of_memory", "function_failed"]),
    (
        "const down = (n: number): number => 1 + down(n + 1); return down(0);",
        &["function_failed", "function_out_of_memory"],
    ),
    (
        "JSON.parse(\"[\".repeat(1e5) + \"]\".repeat(1e5)); return null;",
        &["function_failed", "function_out_of_memory", ""],
    ),
    ("return \"x\".repeat(2 ** 24);", &["function_result_invalid", "function_out_of_memory", "function_timeout"]),
    ("return new Proxy({}, { ownKeys() { for (;;); } });", &["function_timeout"]),
    ("return { toJSON() { throw new Error(\"no\"); } };", &["function_failed", "function_result_invalid"]),
    ("(Promise.prototype as any).then = () => { for (;;); }; return Promise.resolve(1);", &["function_timeout", ""]),
    (
        "Object.defineProperty(Object.prototype, \"then\", { get() { for (;;); } }); return {};",
        &["function_timeout", ""],
    ),
    (
        "const error: any = new Error(); error.toString = () => { for (;;); }; Object.defineProperty(error, \"message\", { get() { for (;;); } }); throw error;",
        &["function_failed", "function_timeout"],
    ),
    (
        "const timers = []; for (let i = 0; i < 1e6; i++) timers.push(setTimeout(() => {}, 1e6)); await new Promise(() => {});",
        &["function_timeout", "function_out_of_memory", "function_failed"],
    ),
    (
        "const big = new Blob([new Uint8Array(6 << 20)]); const all = []; for (let i = 0; i < 250; i++) all.push(ctx.files.bucket(\"none\").write(`f${i}`, big).catch(() => 0)); await Promise.all(all); return 1;",
        &["", "function_out_of_memory", "function_failed"],
    ),
    (
        "const text = \"x\".repeat(4 << 20); const all = []; for (let i = 0; i < 250; i++) all.push(ctx.db.collection(\"open\").create({ text }).catch(() => 0)); await Promise.all(all); return 1;",
        &["", "function_out_of_memory", "function_failed", "function_timeout"],
    ),
    (
        "for (let i = 0; i < 1e5; i++) Promise.reject(new Error(\"x\".repeat(1_000))); return 1;",
        &["", "function_timeout", "function_out_of_memory"],
    ),
    ("Promise.reject({ get message() { for (;;); } }); return 1;", &["function_timeout"]),
    (
        "let deep: any = {}; for (let i = 0; i < 1e5; i++) deep = new Proxy(deep, {}); return deep.x ?? 1;",
        &["", "function_failed"],
    ),
    (
        "let all: any = [\"x\"]; for (let i = 0; i < 40; i++) all = [all, all]; return all;",
        &["function_out_of_memory", "function_result_invalid", "function_timeout"],
    ),
    ("return new Uint8Array(2 ** 30).length;", &["function_out_of_memory", "function_failed"]),
    (
        "await Promise.all(Array.from({ length: 5000 }, () => ctx.db.collection(\"open\").get(\"x\").catch(() => 0))); return 1;",
        &["", "function_failed", "function_timeout", "quota_exceeded"],
    ),
];

fn corpus() -> String {
    let one = |(n, (attack, ends)): (usize, &(&str, &[&str]))| {
        // What is to end by its memory has the time for it, on a busy machine, too.
        let timeout = if ends.contains(&"function_timeout") { "400ms" } else { "10s" };
        format!(
            "export const attack{n} = callable({{ invoke: \"true\", timeout: \"{timeout}\", memory: \"48MB\" }}, \
             async (_: unknown, ctx): Promise<any> => {{ {attack} }});\n"
        )
    };
    ATTACKS.iter().enumerate().map(one).collect::<String>()
        + "export const fine = callable({ invoke: \"true\" }, async () => \"fine\");\n"
}

async fn attack(client: &Client, n: usize) {
    let answer = call(client, &format!("attack{n}"), &json!({})).send().await;
    let (source, wanted) = ATTACKS[n];
    let code = answer.code().unwrap_or_default();
    assert!(wanted.contains(&code.as_str()), "{source}: {answer}");
    if answer.status >= 400 {
        answer.assert_is_problem();
    }
}

async fn each_attack_ends_in_its_own_error(server: TestServer) {
    define_open(&server).await;
    deploy(&server, &corpus()).await;
    for n in 0..ATTACKS.len() {
        attack(&server.visitor(), n).await;
        assert_eq!(invoke(&server.visitor(), "fine", json!({})).await, "fine");
    }
}

async fn others_keep_answering_meanwhile(server: TestServer) {
    define_open(&server).await;
    deploy(&server, &corpus()).await;
    let visitor = server.visitor();
    create(&visitor, "open", json!({"id": "d"})).await;
    let attacks = async {
        for round in 0..2 {
            join_all((0..ATTACKS.len()).filter(|n| n % 2 == round).map(|n| attack(&visitor, n))).await;
        }
    };
    let mut others = 0;
    let quiet = async {
        loop {
            assert_eq!(invoke(&visitor, "fine", json!({})).await, "fine");
            assert_eq!(get(&visitor, "open", "d").await["id"], "d");
            others += 1;
        }
    };
    tokio::select! {
        () = attacks => {}
        () = quiet => {}
    }
    assert!(others >= 10, "{others} calls beside them");
}

async fn a_worker_that_is_lost_takes_nobody_along(server: TestServer) {
    // A loop that no interrupt ends: its process is killed, and calls of this function there are lost or over time.
    let source = r#"
        export const spin = callable({ invoke: "true", timeout: "150ms" }, async () => { const big = new Array(2e6).fill(0); for (let i = 0; i < 1e6; i++) big.indexOf(i + 1); });
        export const fine = callable({ invoke: "true" }, async (input: { n: number }) => input.n);
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    let spinning = join_all((0..10).map(|_| call(&visitor, "spin", &json!({})).send()));
    let calling = join_all((0..300).map(|n| call(&visitor, "fine", &json!({ "n": n })).send()));
    let (spun, called) = futures_util::future::join(spinning, calling).await;
    for answer in spun {
        let code = answer.code().unwrap_or_default();
        assert!(["function_timeout", "function_worker_lost", "function_busy"].contains(&code.as_str()), "{answer}");
    }
    for (n, answer) in called.iter().enumerate() {
        // More at once than its slots and its queue hold are told so; none is lost.
        assert!(answer.status == 200 && answer.body() == n || answer.status == 429, "{answer}");
    }
    assert!(called.iter().filter(|answer| answer.status == 200).count() >= 200);
}

async fn a_thousand_slow_calls_are_bounded(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const slow = callable({ invoke: "true" }, async () => { await new Promise((done) => setTimeout(done, 200)); return 1; });
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    create(&visitor, "open", json!({"id": "d"})).await;
    let slow = join_all((0..1_000).map(|_| call(&visitor, "slow", &json!({})).try_send()));
    let plain = async {
        for _ in 0..20 {
            assert_eq!(get(&visitor, "open", "d").await["id"], "d");
        }
    };
    let (answers, ()) = futures_util::future::join(slow, plain).await;
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_or_else(|error| panic!("{error}"))).collect();
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(answers.iter().all(|answer| [200, 429, 503].contains(&answer.status)), "{:?}", answers.last());
    assert!(done >= 200, "{done} of a thousand");
}

async fn a_flood_of_lines_is_cut(server: TestServer) {
    let source = r#"
        export const flood = callable({ invoke: "true" }, async (_: unknown, ctx) => {
            for (let n = 0; n < 50_000; n++) ctx.log.info(`line ${n} ${"x".repeat(100)}`);
            return "done";
        });
    "#;
    deploy(&server, source).await;
    let answer = call(&server.visitor(), "flood", &json!({})).expect(200).await;
    let id = answer.header("basalt-invocation").expect("an id");
    super::support::invocations(&server, "flood", 1).await;
    let record = server.owner().get(&format!("/v1/admin/invocations/{id}")).expect(200).await;
    assert!(record.bytes.len() < 1 << 20, "{} bytes of it are kept", record.bytes.len());
    assert!(record.text().contains("ropped"), "that lines are lacking is told: {record}");
}

async fn a_rejection_that_nobody_handles_is_a_line(server: TestServer) {
    let source = r#"
        async function unseen(): Promise<void> { throw new RangeError("nobody sees it"); }
        export const forgets = callable({ invoke: "true" }, async () => { unseen(); return "done"; });
    "#;
    deploy(&server, source).await;
    assert_eq!(invoke(&server.visitor(), "forgets", json!({})).await, "done");
    let line = logs(&server, "forgets", 1).await.remove(0);
    assert_eq!(line["level"], "error");
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("Unhandled rejection: RangeError: nobody sees it\n"), "{line}");
    assert!(message.contains("unseen (functions/main.ts:3:"), "{line}");
}

async fn what_is_no_good_deploy_changes_nothing(server: TestServer) {
    deploy(&server, "export const first = callable({ invoke: \"true\" }, async () => 1);").await;
    let before = server.owner().get("/v1/admin/functions").expect(200).await.body();
    let import = "import { callable, beforeDocument, onDocument, onSchedule } from \"basalt:functions\";\n";
    let bad: &[(&str, &str, u64)] = &[
        ("export const broken = callable(async () => {\n  return 1 +;\n});", "/functions/bad.ts", 3),
        ("enum Half { A = \n", "/functions/bad.ts", 3),
        (
            "import { gone } from \"./nowhere.ts\";\nexport const x = callable(async () => gone);",
            "/functions/bad.ts",
            2,
        ),
        ("throw new Error(\"at the top\");", "/functions/bad.ts", 2),
    ];
    for (source, path, line) in bad {
        let text = format!("{import}{source}");
        let good = format!("{import}export const second = callable(async () => 2);");
        let body = files(&[("functions/good.ts", &good), ("functions/bad.ts", &text)]);
        let answer = try_deploy(&server, &body).await.problem(422, "invalid_definition");
        let fault = answer.at("/errors/0");
        assert!(fault["path"].as_str().is_some_and(|at| at.starts_with(path)), "{source}: {answer}");
        assert_eq!(fault["line"], *line, "{source}: {answer}");
        assert!(fault["column"].as_u64().is_some_and(|column| column > 0), "{source}: {answer}");
    }
    for source in [
        "export const a = callable({ timeout: \"never\" }, async () => 1);",
        "export const a = callable({ memory: \"900GB\" }, async () => 1);",
        "export const a = callable({ invoke: \"auth.id = 1\" }, async () => 1);",
        "export const a = callable({ input: { type: 7 } }, async () => 1);",
        "export const a = callable({ colour: \"red\" } as any, async () => 1);",
        "export const a = onDocument(\"users\", { on: [\"never\"] as any }, async () => {});",
        "export const a = onSchedule(\"61 * * * *\", async () => {});",
        "export const a = onSchedule(\"0 3 * * *\", { timezone: \"Mars/Olympus\" }, async () => {});",
        "for (;;);",
        "export const a = callable(7 as any);",
        "",
    ] {
        let text = format!("{import}{source}");
        let body = files(&[("functions/bad.ts", &text)]);
        let answer = try_deploy(&server, &body).await;
        if source.is_empty() {
            assert!(answer.status < 500, "{answer}");
            continue;
        }
        assert_eq!((answer.status, answer.code().as_deref()), (422, Some("invalid_definition")), "{source}: {answer}");
    }
    let twice = format!("{import}export const same = callable(async () => 1);");
    let body = files(&[("functions/a.ts", &twice), ("functions/b.ts", &twice)]);
    let _ = try_deploy(&server, &body).await.problem(422, "invalid_definition");
    assert_eq!(server.owner().get("/v1/admin/functions").expect(200).await.body(), before);
    assert_eq!(invoke(&server.visitor(), "first", json!({})).await, 1);
}

async fn names_that_mislead_are_refused(server: TestServer) {
    let good = "import { callable } from \"basalt:functions\"; export const a = callable(async () => 1);";
    for path in [
        "../a.ts",
        "/etc/a.ts",
        "functions/../../a.ts",
        "functions//a.ts",
        "functions/a\u{0}.ts",
        "functions\\a.ts",
        "",
    ] {
        let answer = try_deploy(&server, &files(&[(path, good)])).await;
        assert!([400, 422].contains(&answer.status), "{path:?}: {answer}");
        answer.assert_is_problem();
    }
    for body in
        [json!({}), json!({"files": []}), json!({"files": {"functions/a.ts": 7}}), json!({"files": {}, "colour": 1})]
    {
        let answer = try_deploy(&server, &body).await;
        assert!([200, 400, 422].contains(&answer.status), "{body}: {answer}");
    }
    let large = json!({"files": {"functions/a.ts": format!("{good}\n// {}", "x".repeat(9 << 20))}});
    let answer = try_deploy(&server, &large).await;
    assert!([413, 422].contains(&answer.status), "{}", answer.status);
    let listed = server.owner().get("/v1/admin/functions").expect(200).await;
    assert!(listed.items().is_empty(), "{listed}");
}

async fn private_addresses_are_not_reached(server: TestServer) {
    let source = r#"
        export const reach = callable({ invoke: "true" }, async (input: { url: string }, ctx) => {
            try { const answer = await ctx.fetch(input.url, { signal: AbortSignal.timeout(3000) }); return { status: answer.status }; }
            catch (error: any) { return { code: error.code ?? error.name }; }
        });
    "#;
    let mut body = super::support::module(source);
    body["settings"] = json!({"egress": {"allow": ["*"]}});
    let answer = try_deploy(&server, &body).await.expect(200);
    assert_eq!(answer.at("/applied"), true, "{answer}");
    let own = format!("{}/health/live", server.base());
    let port = server.base().rsplit(':').next().unwrap_or_default().to_owned();
    for url in [
        own.as_str(),
        &format!("http://localhost:{port}/health/live"),
        &format!("http://[::1]:{port}/"),
        &format!("http://[::ffff:127.0.0.1]:{port}/"),
        &format!("http://0.0.0.0:{port}/"),
        &format!("http://2130706433:{port}/"),
        &format!("http://0x7f.1:{port}/"),
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
    ] {
        let told = invoke(&server.visitor(), "reach", json!({ "url": url })).await;
        assert_eq!(told["status"], Value::Null, "{url}: {told}");
        assert!(told["code"].is_string(), "{url}: {told}");
    }
    // Nobody has to wait for a function that was refused.
    tokio::time::timeout(Duration::from_secs(20), server.visitor().get(&function("nobody")).send())
        .await
        .expect("an answer");
}
