//! `beforeDocument` and `beforeUser`: in the request, before the write; they may change it or refuse it.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{define_closed, deploy};
use crate::support::{create, define_open, document, documents, get, own_data};

on_both_engines! {
    it_changes_what_is_written_on_every_path,
    it_refuses_on_every_path,
    it_sees_what_the_write_would_make,
    an_import_may_go_without,
    rules_and_schemas_see_what_it_made,
    it_can_not_take_what_is_the_servers,
    what_goes_wrong_in_it_writes_nothing,
    parallel_writes_are_each_decided_on_what_is_there,
    it_may_ask_but_not_write,
    users_are_changed_and_refused,
    it_is_over_after_its_time,
}

/// Stamps whatever is written; refuses what has `n` 13; keeps `keep` from being deleted.
const GUARD: &str = r#"
    export const guard = beforeDocument("open", { on: ["create", "update", "delete"] }, async (change: any) => {
        if (change.op === "delete") {
            if (change.doc.keep) throw new FunctionError("kept", "it stays", { id: change.id }, 409);
            return;
        }
        if (change.next.n === 13) throw new FunctionError("unlucky", "not 13");
        return { ...change.next, stamp: `${change.op} ${change.next.n}` };
    });
"#;

async fn it_changes_what_is_written_on_every_path(server: TestServer) {
    define_open(&server).await;
    deploy(&server, GUARD).await;
    for client in [&server.visitor(), server.service()] {
        let made = create(client, "open", json!({"n": 1})).await;
        assert_eq!(made["stamp"], "create 1", "POST: {made}");
        let path = document("open", made["id"].as_str().unwrap());
        let answer = client.put(&path).json(&json!({"n": 2})).expect(200).await;
        assert_eq!(answer.at("/stamp"), "update 2", "PUT");
        let answer = client.patch(&path).json(&json!({"n": 3})).expect(200).await;
        assert_eq!(answer.at("/stamp"), "update 3", "PATCH");
        let answer = client.patch(&path).json(&json!({"n": {"$increment": 4}})).expect(200).await;
        assert_eq!(answer.at("/stamp"), "update 7", "an operator");
        let body = b"[{\"op\": \"replace\", \"path\": \"/n\", \"value\": 8}]";
        let answer = client.patch(&path).body("application/json-patch+json", *body).expect(200).await;
        assert_eq!(answer.at("/stamp"), "update 8", "JSON Patch");
        let fresh = document("open", &format!("x{}", made["id"].as_str().unwrap()));
        let answer =
            client.patch(&fresh).query(&[("upsert", "true")]).json(&json!({"n": {"$increment": 9}})).send().await;
        assert_eq!(answer.at("/stamp"), "create 9", "an upsert: {answer}");
        client.delete(&path).expect(204).await;
        client.delete(&fresh).expect(204).await;
        let answer = client.put(&path).json(&json!({"n": 5})).expect(201).await;
        assert_eq!(answer.at("/stamp"), "create 5", "PUT of what isn't there");
        client.delete(&path).expect(204).await;
    }
    let operations = json!({"operations": [
        {"op": "create", "collection": "open", "id": "t", "data": {"n": 1}},
        {"op": "patch", "collection": "open", "id": "t", "patch": {"n": {"$increment": 1}}},
        {"op": "create", "collection": "open", "id": "u", "data": {"n": 4}},
        {"op": "replace", "collection": "open", "id": "u", "data": {"n": 5}},
        {"op": "patch", "collection": "open", "id": "v", "upsert": true, "patch": {"n": 6}},
    ]});
    server.visitor().post("/v1/transactions").json(&operations).expect(200).await;
    for (id, stamp) in [("t", "update 2"), ("u", "update 5"), ("v", "create 6")] {
        assert_eq!(get(&server.visitor(), "open", id).await["stamp"], stamp, "in a transaction: {id}");
    }
    let lines = b"{\"id\":\"i1\",\"n\":3}\n".to_vec();
    server.service().post("/v1/collections/open/import").body("application/x-ndjson", lines).expect(200).await;
    assert_eq!(get(&server.visitor(), "open", "i1").await["stamp"], "create 3", "an import");
}

async fn it_refuses_on_every_path(server: TestServer) {
    define_open(&server).await;
    deploy(&server, GUARD).await;
    let client = server.service();
    create(client, "open", json!({"id": "d", "n": 12, "keep": true})).await;
    let path = document("open", "d");
    let bad = json!({"n": 13});
    client.post(&documents("open")).json(&bad).problem(400, "unlucky").await;
    client.put(&path).json(&bad).problem(400, "unlucky").await;
    client.put(&document("open", "e")).json(&bad).problem(400, "unlucky").await;
    client.patch(&path).json(&bad).problem(400, "unlucky").await;
    client.patch(&path).json(&json!({"n": {"$increment": 1}})).problem(400, "unlucky").await;
    let body = b"[{\"op\": \"add\", \"path\": \"/n\", \"value\": 13}]";
    client.patch(&path).body("application/json-patch+json", *body).problem(400, "unlucky").await;
    client.patch(&document("open", "e")).query(&[("upsert", "true")]).json(&bad).problem(400, "unlucky").await;
    let answer = client.delete(&path).problem(409, "kept").await;
    assert_eq!(answer.at("/detail"), "it stays");
    let operations = json!({"operations": [
        {"op": "create", "collection": "open", "id": "e", "data": {"n": 1}},
        {"op": "patch", "collection": "open", "id": "d", "patch": {"n": {"$increment": 1}}},
    ]});
    let answer = client.post("/v1/transactions").json(&operations).problem(400, "unlucky").await;
    assert_eq!(answer.at("/operation"), 1, "{answer}");
    let lines = b"{\"id\":\"i1\",\"n\":13}\n{\"id\":\"i2\",\"n\":14}\n".to_vec();
    let answer = client.post("/v1/collections/open/import").body("application/x-ndjson", lines).expect(200).await;
    assert!(answer.text().contains("\"code\":\"unlucky\"") && answer.text().contains("\"created\":1"), "{answer}");
    let left = client.get(&documents("open")).expect(200).await;
    let mut ids = left.column("id");
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, [json!("d"), json!("i2")], "nothing else was written");
    assert_eq!(get(client, "open", "d").await["n"], 12);
}

async fn it_sees_what_the_write_would_make(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const note = beforeDocument("open", async (change: any, ctx) => ({ ...change.next, change: {
            op: change.op, collection: change.collection, id: change.id, before: change.doc, after: { n: change.next.n }, caller: ctx.auth && ctx.auth.id } }));
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    let made = create(&ann, "open", json!({"id": "d", "n": 1})).await;
    let change = &made["change"];
    assert_eq!((&change["op"], &change["collection"], &change["id"]), (&json!("create"), &json!("open"), &json!("d")));
    assert_eq!((&change["before"], &change["caller"]), (&Value::Null, &json!(ann.id)));
    let changed =
        server.visitor().patch(&document("open", "d")).json(&json!({"n": {"$increment": 1}})).expect(200).await;
    assert_eq!(changed.at("/change/before/n"), 1);
    assert_eq!(changed.at("/change/before/rev"), made["rev"]);
    assert_eq!((changed.at("/change/after/n"), changed.at("/change/caller")), (json!(2), Value::Null));
}

async fn an_import_may_go_without(server: TestServer) {
    define_open(&server).await;
    deploy(&server, GUARD).await;
    let lines = b"{\"id\":\"i1\",\"n\":13}\n".to_vec();
    let path = "/v1/collections/open/import?hooks=false";
    server.service().post(path).body("application/x-ndjson", lines).expect(200).await;
    let made = get(server.service(), "open", "i1").await;
    assert_eq!(own_data(&made), json!({"n": 13}));
}

async fn rules_and_schemas_see_what_it_made(server: TestServer) {
    let definition = json!({
        "schema": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 100}}},
        "rules": {"read": "true", "create": "auth.id == next.owner && next.n != 8"},
    });
    server.define("things", &definition).await;
    let source = r#"
        export const twice = beforeDocument("things", async (change: any, ctx) => {
            ctx.log.info("asked");
            return { ...change.next, n: change.next.n * 2 };
        });
    "#;
    deploy(&server, source).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let body = |n: i64| json!({"owner": ann.id, "n": n});
    // Who may not write isn't asked on: the caller's own word passes the rules first.
    server.visitor().post(&documents("things")).json(&body(1)).problem(401, "unauthenticated").await;
    bob.post(&documents("things")).json(&body(1)).problem(403, "rule_denied").await;
    ann.post(&documents("things")).json(&body(8)).problem(403, "rule_denied").await;
    // And what the hook made of it passes them again.
    ann.post(&documents("things")).json(&body(4)).problem(403, "rule_denied").await;
    ann.post(&documents("things")).json(&body(60)).problem(422, "schema_violation").await;
    assert_eq!(create(&ann, "things", body(7)).await["n"], 14);
    assert_eq!(super::support::logs(&server, "twice", 3).await.len(), 3, "it was asked for what passed alone");
}

async fn it_can_not_take_what_is_the_servers(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const odd = beforeDocument("open", async (change: any) => {
            if (change.next.how === "list") return [1] as any;
            if (change.next.how === "id") return { ...change.next, id: "another" };
            if (change.next.how === "name") return { ...change.next, $bad: 1 };
            return { ...change.next, rev: "forged", createdAt: "1970-01-01T00:00:00.000Z" };
        });
    "#;
    deploy(&server, source).await;
    let client = server.visitor();
    let made = create(&client, "open", json!({"id": "d", "how": "times"})).await;
    assert!(made["rev"] != "forged" && made["createdAt"] != "1970-01-01T00:00:00.000Z", "{made}");
    for how in ["list", "id", "name"] {
        let answer = client.post(&documents("open")).json(&json!({"id": "e", "how": how})).send().await;
        assert!(answer.status >= 400, "{how}: {answer}");
        answer.assert_is_problem();
    }
    client.get(&document("open", "e")).problem(404, "document_not_found").await;
    client.get(&document("open", "another")).problem(404, "document_not_found").await;
}

async fn what_goes_wrong_in_it_writes_nothing(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const broken = beforeDocument("open", { timeout: "300ms" }, async (change: any) => {
            if (change.next.how === "throw") throw new Error("canary");
            if (change.next.how === "loop") for (;;);
            if (change.next.how === "wait") await new Promise(() => {});
            return change.next;
        });
    "#;
    deploy(&server, source).await;
    let client = server.visitor();
    let how = |how: &str| json!({"id": "d", "how": how});
    let answer = client.post(&documents("open")).json(&how("throw")).problem(500, "function_failed").await;
    assert!(!answer.text().contains("canary"), "{answer}");
    client.post(&documents("open")).json(&how("loop")).problem(504, "function_timeout").await;
    client.post(&documents("open")).json(&how("wait")).problem(504, "function_timeout").await;
    client.get(&document("open", "d")).problem(404, "document_not_found").await;
    create(&client, "open", how("well")).await;
}

async fn parallel_writes_are_each_decided_on_what_is_there(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const once = beforeDocument("open", async (change: any) => ({ ...change.next, seen: (change.doc?.n ?? 0) + 1 }));
    "#;
    deploy(&server, source).await;
    let client = server.visitor();
    create(&client, "open", json!({"id": "d", "n": 0})).await;
    let path = document("open", "d");
    let adding = (0..20).map(|_| client.patch(&path).json(&json!({"n": {"$increment": 1}})).send());
    let answers = futures_util::future::join_all(adding).await;
    let done: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    for answer in &done {
        // What it saw is what the write changed: when the document changed meanwhile it ran again.
        assert_eq!(answer.at("/seen"), answer.at("/n"), "{answer}");
    }
    // Who was in the way of others again and again is told so.
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)), "{answers:?}");
    assert!(done.len() >= 4, "{answers:?}");
    assert_eq!(get(&client, "open", "d").await["n"], done.len());
}

async fn it_may_ask_but_not_write(server: TestServer) {
    define_open(&server).await;
    define_closed(&server, "limits").await;
    let source = r#"
        export const most = beforeDocument("open", async (change: any, ctx) => {
            const limits = ctx.asService().db.collection("limits");
            if (change.next.how === "write") await limits.create({ n: 1 });
            const limit = await limits.get("most");
            if (change.next.n > limit.n) throw new FunctionError("over_the_limit", `at most ${limit.n}`, undefined, 422);
            return change.next;
        });
    "#;
    deploy(&server, source).await;
    create(server.service(), "limits", json!({"id": "most", "n": 5})).await;
    create(&server.visitor(), "open", json!({"n": 5})).await;
    server.visitor().post(&documents("open")).json(&json!({"n": 6})).problem(422, "over_the_limit").await;
    // What it wrote would outlive the write that it is asked about.
    server.visitor().post(&documents("open")).json(&json!({"how": "write"})).problem(403, "forbidden").await;
    assert_eq!(server.service().get(&documents("limits")).expect(200).await.items().len(), 1);
}

async fn users_are_changed_and_refused(server: TestServer) {
    let source = r#"
        export const gate = beforeUser({ on: ["create", "signIn"] }, async (change: any) => {
            if (change.op === "create") {
                if (!change.next.email.endsWith("@example.com")) throw new FunctionError("domain_refused", "only example.com", undefined, 403);
                return { ...change.next, displayName: change.next.email.split("@")[0].toUpperCase() };
            }
            if (change.doc.displayName === "BOB") throw new FunctionError("not_today", "come back", undefined, 403);
        });
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    assert_eq!(ann.get("/v1/auth/me").expect(200).await.at("/displayName"), "ANN");
    let body = json!({"email": "eve@evil.example", "password": "a long enough phrase"});
    server.visitor().post("/v1/auth/signup").json(&body).problem(403, "domain_refused").await;
    let log_in = |name: &str| {
        let body = json!({"email": format!("{name}@example.com"), "password": "a long enough phrase"});
        server.visitor().post("/v1/auth/login").json(&body)
    };
    log_in("ann").expect(200).await;
    let _bob = {
        let body = json!({"email": "bob@example.com", "password": "a long enough phrase"});
        server.visitor().post("/v1/auth/signup").json(&body).send().await
    };
    log_in("bob").problem(403, "not_today").await;
    // Who doesn't know the password learns nothing of the hook.
    let wrong = json!({"email": "bob@example.com", "password": "another long phrase"});
    server.visitor().post("/v1/auth/login").json(&wrong).problem(401, "invalid_credentials").await;
    let users = server.service().get(&documents("users")).expect(200).await;
    assert!(!users.text().contains("eve@"), "{users}");
}

async fn it_is_over_after_its_time(server: TestServer) {
    let source =
        "export const long = beforeDocument(\"open\", { timeout: \"6s\" }, async (change: any) => change.next);";
    let body = super::support::module(source);
    let answer = super::support::try_deploy(&server, &body).await.problem(422, "invalid_definition");
    assert!(answer.text().contains('5'), "the most is told: {answer}");
}
