//! Every door of functions and what belongs to them: nobody, somebody else, and who may.

use basalt_testing::{Call, Client, Receiver, TestServer, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{call, define_closed, deploy, eventually, function};
use crate::support::{create, define_open};

on_both_engines! {
    who_is_no_operator_gets_nothing_of_the_administration,
    a_viewer_reads_and_changes_nothing,
    an_operator_reads_everything,
    a_key_needs_the_scope_of_the_administration,
    what_is_not_there_is_not_found,
    unknown_words_are_refused,
    an_answer_that_waits_is_its_callers,
    a_task_is_its_callers,
    a_task_that_runs_is_not_cancelled,
    changes_are_in_the_audit,
}

struct Door {
    method: Method,
    path: String,
    body: Value,
    /// Whether a viewer may.
    reads: bool,
}

fn door(method: Method, path: &str, body: Value) -> Door {
    let reads = method == Method::GET;
    Door { method, path: path.to_owned(), body, reads }
}

/// What is there, by the ids that the server gave it.
struct There {
    _receiver: Receiver,
    invocation: String,
    delivery: String,
    letters: [String; 2],
}

/// All doors of the administration, each with what is there. Reading comes first.
fn doors(there: &There) -> Vec<Door> {
    let read = |path: &str| door(Method::GET, path, Value::Null);
    let There { invocation, delivery, letters: [first, second], .. } = there;
    let module = "import { callable } from \"basalt:functions\"; export const more = callable(async () => 1);";
    vec![
        read("functions"),
        read("functions/add"),
        read("functions/add/versions"),
        read("functions/add/versions/1"),
        read("functions/add/aliases/live"),
        read("secrets"),
        read("invocations"),
        read(&format!("invocations/{invocation}")),
        read("logs"),
        read("usage"),
        read("deadletters"),
        read(&format!("deadletters/{first}")),
        read("outbox"),
        read("schedules"),
        read("schedules/nightly"),
        read("schedules/nightly/runs"),
        read("webhooks"),
        read("webhooks/crm"),
        read("webhooks/crm/deliveries"),
        read(&format!("webhooks/crm/deliveries/{delivery}")),
        read("deployments"),
        door(Method::POST, &format!("webhooks/crm/deliveries/{delivery}/replay"), json!({})),
        door(Method::POST, &format!("deadletters/{first}/replay"), json!({})),
        door(Method::DELETE, &format!("deadletters/{second}"), Value::Null),
        door(Method::POST, "webhooks/crm/test", json!({})),
        door(Method::POST, "functions/deploy", json!({"files": {"functions/more.ts": module}})),
        door(Method::PUT, "functions/add/aliases/staging", json!({"versions": [{"version": 1, "weight": 100}]})),
        door(Method::DELETE, "functions/add/aliases/staging", Value::Null),
        door(Method::POST, "functions/add/rollback", json!({"version": 1})),
        door(Method::PUT, "secrets/NEW", json!({"value": "v"})),
        door(Method::DELETE, "secrets/NEW", Value::Null),
        door(Method::PUT, "schedules/more", json!({"cron": "0 4 * * *", "function": "add"})),
        door(Method::POST, "schedules/nightly/run", json!({})),
        door(Method::DELETE, "schedules/more", Value::Null),
        door(Method::POST, "webhooks", json!({"name": "other", "url": "https://hooks.example.com/b"})),
        door(
            Method::PUT,
            "webhooks/crm",
            json!({"url": "https://hooks.example.com/c", "events": "collection == 'open'"}),
        ),
        door(Method::POST, "webhooks/crm/rotate", json!({})),
        door(Method::DELETE, "webhooks/crm", Value::Null),
        door(Method::DELETE, "functions/more", Value::Null),
    ]
}

async fn prepare(server: &TestServer) -> There {
    define_open(server).await;
    define_closed(server, "seen").await;
    let source = r#"
        export const add = callable({ invoke: "auth != null" }, async (input: any, ctx) => { ctx.log.info("add"); return input; });
        export const nightly = onSchedule("0 3 * * *", async () => {});
        export const broken = onDocument("open", { on: ["create"], retries: 0 }, async () => { throw new Error("broken"); });
    "#;
    deploy(server, source).await;
    let receiver = Receiver::start().await;
    let hook = json!({"name": "crm", "url": receiver.url("/"), "events": "collection == 'open' && doc.n == 1"});
    let answer = server.owner().post("/v1/admin/webhooks").json(&hook).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
    for n in [1, 2] {
        create(&server.visitor(), "open", json!({ "n": n })).await;
    }
    let called = call(server.service(), "add", &json!({})).expect(200).await;
    let ids = |path: &'static str, count: usize| async move {
        eventually(path, || async {
            let ids = server.owner().get(&format!("/v1/admin/{path}")).expect(200).await.column("id");
            let ids: Vec<String> = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            (ids.len() >= count).then_some(ids)
        })
        .await
    };
    let [delivery] = &ids("webhooks/crm/deliveries", 1).await[..] else { panic!("one delivery") };
    let [first, second] = &ids("deadletters", 2).await[..] else { panic!("two dead letters") };
    ids("invocations?function=add", 1).await;
    let invocation = called.header("basalt-invocation").expect("its id");
    There { _receiver: receiver, invocation, delivery: delivery.clone(), letters: [first.clone(), second.clone()] }
}

fn ask(client: &Client, door: &Door) -> Call {
    let call = client.call(door.method.clone(), &format!("/v1/admin/{}", door.path));
    if door.body.is_null() { call } else { call.json(&door.body) }
}

/// What of the server a stranger could have changed.
async fn state(server: &TestServer) -> Vec<Value> {
    let mut state = Vec::new();
    for path in ["functions", "secrets", "schedules", "webhooks", "deployments", "deadletters"] {
        let answer = server.owner().get(&format!("/v1/admin/{path}")).expect(200).await;
        let names = answer
            .items()
            .iter()
            .map(|item| item.get("name").or(item.get("id")).cloned().unwrap_or_default())
            .collect();
        state.push(Value::Array(names));
    }
    state
}

async fn who_is_no_operator_gets_nothing_of_the_administration(server: TestServer) {
    let there = prepare(&server).await;
    let before = state(&server).await;
    let ann = server.user("ann").await;
    for door in doors(&there) {
        let answer = ask(&server.visitor(), &door).problem(401, "unauthenticated").await;
        assert!(!answer.text().contains("crm"), "{answer}");
        let answer = ask(&ann, &door).expect(403).await;
        answer.assert_is_problem();
    }
    assert_eq!(state(&server).await, before);
}

async fn a_viewer_reads_and_changes_nothing(server: TestServer) {
    let there = prepare(&server).await;
    let before = state(&server).await;
    let viewer = server.operator("viewer").await;
    for door in doors(&there) {
        if door.reads {
            ask(&viewer, &door).expect(200).await;
        } else {
            let _ = ask(&viewer, &door).problem(403, "operator_role_missing").await;
        }
    }
    assert_eq!(state(&server).await, before);
}

async fn an_operator_reads_everything(server: TestServer) {
    let there = prepare(&server).await;
    for door in doors(&there) {
        let answer = ask(server.owner(), &door).send().await;
        assert!((200..300).contains(&answer.status), "{answer}");
        if door.reads {
            assert_eq!(answer.status, 200, "{answer}");
        }
    }
}

async fn a_key_needs_the_scope_of_the_administration(server: TestServer) {
    let there = prepare(&server).await;
    let before = state(&server).await;
    let narrow = server.key(&["functions:write", "functions:read", "documents:read", "documents:write"]).await;
    for door in doors(&there) {
        let _ = ask(&narrow, &door).problem(403, "scope_missing").await;
    }
    assert_eq!(state(&server).await, before);
    let wide = server.key(&["admin"]).await;
    for door in doors(&there) {
        let answer = ask(&wide, &door).send().await;
        assert!((200..300).contains(&answer.status), "{answer}");
    }
}

async fn what_is_not_there_is_not_found(server: TestServer) {
    let _there = prepare(&server).await;
    let owner = server.owner();
    for (method, path, code) in [
        (Method::GET, "functions/nobody", "function_not_found"),
        (Method::DELETE, "functions/nobody", "function_not_found"),
        (Method::GET, "functions/nobody/versions", "function_not_found"),
        (Method::GET, "functions/add/versions/99", "version_not_found"),
        (Method::GET, "functions/add/aliases/nowhere", "alias_not_found"),
        (Method::DELETE, "functions/add/aliases/nowhere", "alias_not_found"),
        (Method::DELETE, "secrets/NOBODY", "secret_not_found"),
        (Method::GET, "invocations/nobody", "invocation_not_found"),
        (Method::GET, "deadletters/nobody", "dead_letter_not_found"),
        (Method::DELETE, "deadletters/nobody", "dead_letter_not_found"),
        (Method::POST, "deadletters/nobody/replay", "dead_letter_not_found"),
        (Method::GET, "schedules/nobody", "schedule_not_found"),
        (Method::DELETE, "schedules/nobody", "schedule_not_found"),
        (Method::POST, "schedules/nobody/run", "schedule_not_found"),
        (Method::GET, "schedules/nobody/runs", "schedule_not_found"),
        (Method::GET, "webhooks/nobody", "webhook_not_found"),
        (Method::DELETE, "webhooks/nobody", "webhook_not_found"),
        (Method::POST, "webhooks/nobody/rotate", "webhook_not_found"),
        (Method::POST, "webhooks/nobody/test", "webhook_not_found"),
        (Method::GET, "webhooks/nobody/deliveries", "webhook_not_found"),
        (Method::GET, "webhooks/crm/deliveries/nobody", "delivery_not_found"),
        (Method::POST, "webhooks/crm/deliveries/nobody/replay", "delivery_not_found"),
    ] {
        let _ = owner.call(method, &format!("/v1/admin/{path}")).problem(404, code).await;
    }
    let weights = json!({"versions": [{"version": 99, "weight": 100}]});
    owner.put("/v1/admin/functions/add/aliases/live").json(&weights).problem(404, "version_not_found").await;
    owner.post("/v1/admin/functions/nobody/rollback").json(&json!({})).problem(404, "function_not_found").await;
    server.visitor().get("/v1/invocations/nobody").expect(404).await.assert_is_problem();
    server.user("ann").await.get("/v1/tasks/nobody").problem(404, "task_not_found").await;
}

async fn unknown_words_are_refused(server: TestServer) {
    let _there = prepare(&server).await;
    let owner = server.owner();
    for path in
        ["functions", "invocations", "logs", "usage", "deadletters", "schedules", "webhooks", "secrets", "deployments"]
    {
        let path = format!("/v1/admin/{path}?colour=red");
        owner.get(&path).problem(400, "unknown_parameter").await;
    }
    for (method, path, body) in [
        (Method::POST, "functions/deploy", json!({"files": {}, "colour": "red"})),
        (
            Method::PUT,
            "functions/add/aliases/live",
            json!({"versions": [{"version": 1, "weight": 100}], "colour": "red"}),
        ),
        (Method::POST, "functions/add/rollback", json!({"colour": "red"})),
        (Method::PUT, "secrets/NEW", json!({"value": "v", "colour": "red"})),
        (Method::POST, "webhooks", json!({"name": "x", "url": "https://hooks.example.com/", "colour": "red"})),
        (Method::PUT, "schedules/x", json!({"cron": "0 4 * * *", "function": "add", "colour": "red"})),
    ] {
        let answer = owner.call(method, &format!("/v1/admin/{path}")).json(&body).send().await;
        assert!([400, 422].contains(&answer.status), "{answer}");
        assert!(answer.text().contains("colour"), "the word is named: {answer}");
    }
    let ann = server.user("ann").await;
    let body = json!({"function": "add", "input": {}, "colour": "red"});
    let answer = ann.post("/v1/tasks").json(&body).send().await;
    assert_eq!(answer.status, 400, "{answer}");
    for weights in [
        json!([]),
        json!([{"version": 1, "weight": 0}]),
        json!([{"version": 1, "weight": 101}]),
        json!([{"version": 1, "weight": 50}]),
    ] {
        let body = json!({ "versions": weights });
        let answer = owner.put("/v1/admin/functions/add/aliases/live").json(&body).send().await;
        assert!([400, 422].contains(&answer.status), "{body}: {answer}");
    }
    for url in ["ftp://example.com/", "nothing", "", "https://user:pass@hooks.example.com/"] {
        let body = json!({"name": "bad", "url": url});
        let answer = owner.post("/v1/admin/webhooks").json(&body).send().await;
        assert!([400, 422].contains(&answer.status), "{url}: {answer}");
    }
    for (cron, zone) in [("61 * * * *", "UTC"), ("* * *", "UTC"), ("0 3 * * *", "Mars/Olympus"), ("", "UTC")] {
        let body = json!({"cron": cron, "timezone": zone, "function": "add"});
        let answer = owner.put("/v1/admin/schedules/bad").json(&body).send().await;
        assert!([400, 422].contains(&answer.status), "{cron} {zone}: {answer}");
    }
}

async fn an_answer_that_waits_is_its_callers(server: TestServer) {
    let _there = prepare(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let asked = call(&ann, "add", &json!({"n": 1})).header("prefer", "respond-async").expect(202).await;
    let place = asked.header("location").expect("a place");
    assert_eq!(place, format!("/v1/invocations/{}", asked.text_at("/id")));
    let done = eventually("the result", || async {
        let answer = ann.get(&place).expect(200).await;
        assert!(["queued", "running", "succeeded"].contains(&answer.text_at("/status").as_str()), "{answer}");
        (answer.at("/status") == "succeeded").then_some(answer)
    })
    .await;
    assert_eq!((done.at("/result"), done.at("/function")), (json!({"n": 1}), json!("add")));
    for other in [&server.visitor(), &*bob, &server.key(&["documents:read"]).await] {
        let answer = other.get(&place).send().await;
        assert!([401, 403, 404].contains(&answer.status), "{answer}");
        assert!(!answer.text().contains("succeeded"), "{answer}");
    }
    server.service().get(&place).expect(200).await;
    // Who may not call it now may not call it later.
    let answer =
        server.visitor().post(&function("add")).header("prefer", "respond-async").json(&json!({})).send().await;
    assert_eq!(answer.status, 401, "{answer}");
}

async fn a_task_is_its_callers(server: TestServer) {
    let _there = prepare(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let body = json!({"function": "add", "input": {"n": 1}, "delay": "1h", "key": "once"});
    server.visitor().post("/v1/tasks").json(&body).problem(401, "unauthenticated").await;
    let made = ann.post("/v1/tasks").json(&body).expect(202).await;
    let path = format!("/v1/tasks/{}", made.text_at("/id"));
    assert_eq!(ann.get(&path).expect(200).await.at("/status"), "pending");
    for other in [&server.visitor(), &*bob] {
        for method in [Method::GET, Method::DELETE] {
            let answer = other.call(method, &path).send().await;
            assert!([401, 403, 404].contains(&answer.status), "{answer}");
        }
    }
    assert_eq!(ann.get(&path).expect(200).await.at("/status"), "pending", "nobody else cancelled it");
    server.service().get(&path).expect(200).await;
    ann.delete(&path).send().await;
    let after = ann.get(&path).send().await;
    assert!(after.status == 404 || after.at("/status") == "canceled", "{after}");
    server.key(&["documents:write"]).await.post("/v1/tasks").json(&body).problem(403, "scope_missing").await;
    ann.post("/v1/tasks").json(&json!({"function": "nobody", "input": {}})).problem(404, "function_not_found").await;
}

async fn a_task_that_runs_is_not_cancelled(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const wait = callable({ invoke: "true" }, async (_: unknown, ctx) => {
            await ctx.db.collection("open").create({ id: "begun" });
            while ((await ctx.db.collection("open").find("go")) === null) await new Promise((done) => setTimeout(done, 10));
            return "gone on";
        });
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    let made = ann.post("/v1/tasks").json(&json!({"function": "wait", "input": {}})).expect(202).await;
    let path = format!("/v1/tasks/{}", made.text_at("/id"));
    super::support::collected(&server, "open", 1).await;
    assert_eq!(ann.get(&path).expect(200).await.at("/status"), "running");
    ann.delete(&path).problem(409, "task_started").await;
    crate::support::create(&server.visitor(), "open", json!({"id": "go"})).await;
    let done = eventually("the end", || async {
        let answer = ann.get(&path).expect(200).await;
        (answer.at("/status") != "running").then_some(answer)
    })
    .await;
    assert_eq!((done.at("/status"), done.at("/result")), (json!("succeeded"), json!("gone on")), "{done}");
    ann.delete(&path).problem(409, "task_started").await;
}

async fn changes_are_in_the_audit(server: TestServer) {
    let there = prepare(&server).await;
    for door in doors(&there) {
        let answer = ask(server.owner(), &door).send().await;
        assert!((200..300).contains(&answer.status), "{answer}");
    }
    let text = eventually("the audit", || async {
        let audit = server.owner().get("/v1/admin/audit?limit=500").expect(200).await.text();
        ["add", "crm", "NEW", "more"].iter().all(|name| audit.contains(name)).then_some(audit)
    })
    .await;
    assert!(!text.contains("whsec_") && !text.contains("\"value\":\"v\""), "no secret is kept: {text}");
}
