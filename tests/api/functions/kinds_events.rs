//! `onDocument`, `onFile`, `onUser`, `onMessage`, `onSchedule`: what happened comes to a function, at least once and in order.

use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{as_time_passes, collected, define_closed, deploy, eventually};
use crate::files::support::{define_bucket, file, open, put};
use crate::support::{create, define_open, document};

on_both_engines! {
    a_write_comes_as_an_event,
    only_what_it_wants_comes,
    a_documents_events_come_in_order,
    nobody_calls_in_an_event,
    what_fails_comes_again_as_the_same_event,
    what_fails_for_good_is_a_dead_letter,
    a_poison_event_holds_up_nobody_else,
    files_come_as_events,
    users_come_as_events,
    messages_of_channels_come,
    a_schedule_ticks_once,
    what_a_transaction_and_an_import_write_comes_too,
    what_is_the_systems_never_comes,
    a_function_that_is_gone_gets_nothing,
}

/// Writes each event that comes into the collection `seen`.
fn keeping(kind: &str, subject: &str, options: &str) -> String {
    format!(
        "export const keep = {kind}(\"{subject}\", {options}, async (event: any, ctx) => {{\n\
         await ctx.asService().db.collection(\"seen\").create({{ event, key: ctx.idempotencyKey, attempt: event.attempt }});\n}});\n"
    )
}

async fn a_write_comes_as_an_event(server: TestServer) {
    define_open(&server).await;
    define_closed(&server, "seen").await;
    deploy(&server, &keeping("onDocument", "open", "{ on: [\"create\", \"update\", \"delete\"] }")).await;
    let ann = server.user("ann").await;
    let path = document("open", "d1");
    let made = ann.post(&crate::support::documents("open")).json(&json!({"id": "d1", "n": 1})).expect(201).await;
    collected(&server, "seen", 1).await;
    ann.patch(&path).json(&json!({"n": 2})).expect(200).await;
    collected(&server, "seen", 2).await;
    ann.delete(&path).expect(204).await;
    let seen = collected(&server, "seen", 3).await;
    let [created, updated, deleted] = &seen[..] else { panic!("{seen:?}") };
    let event = &created["event"];
    assert_eq!((&event["type"], &event["op"]), (&json!("basalt.document.created"), &json!("create")));
    assert_eq!((&event["collection"], &event["before"]), (&json!("open"), &Value::Null));
    assert_eq!((&event["doc"]["id"], &event["doc"]["n"]), (&json!("d1"), &json!(1)));
    assert_eq!(event["doc"]["rev"], made.at("/rev"));
    assert_eq!(event["actor"], json!({"type": "user", "id": ann.id}));
    assert_eq!(event["requestId"].as_str(), made.header("x-request-id").as_deref());
    assert_eq!(event["seq"].as_str(), made.header("basalt-seq").as_deref());
    assert!(event["at"].is_string() && event["id"].is_string(), "{event}");
    assert_eq!((&created["key"], &created["attempt"]), (&event["id"], &json!(1)));
    assert_eq!(
        (&updated["event"]["type"], &updated["event"]["before"]["n"]),
        (&json!("basalt.document.updated"), &json!(1))
    );
    assert_eq!(updated["event"]["doc"]["n"], 2);
    let event = &deleted["event"];
    assert_eq!((&event["type"], &event["doc"]["n"]), (&json!("basalt.document.deleted"), &json!(2)));
}

async fn only_what_it_wants_comes(server: TestServer) {
    define_open(&server).await;
    server.define("other", &json!({"rules": {"create": "true"}, "acknowledge": ["create"]})).await;
    define_closed(&server, "seen").await;
    deploy(&server, &keeping("onDocument", "open", "{ on: [\"update\"], when: \"doc.n > 3 && before.n <= 3\" }")).await;
    let visitor = server.visitor();
    create(&visitor, "other", json!({"n": 9})).await;
    for (id, n) in [("a", 1), ("b", 5)] {
        create(&visitor, "open", json!({"id": id, "n": n})).await;
        for next in [2, 4, 6] {
            visitor.patch(&document("open", id)).json(&json!({"n": next})).expect(200).await;
        }
    }
    // The last that is wanted: those before have come, or never come.
    create(&visitor, "open", json!({"id": "z", "n": 1})).await;
    visitor.patch(&document("open", "z")).json(&json!({"n": 10})).expect(200).await;
    eventually("the last event", || async {
        let seen = collected(&server, "seen", 1).await;
        seen.iter().any(|row| row["event"]["doc"]["id"] == "z").then_some(())
    })
    .await;
    let mut seen: Vec<(String, i64)> = collected(&server, "seen", 3)
        .await
        .iter()
        .map(|row| {
            let doc = &row["event"]["doc"];
            (doc["id"].as_str().unwrap_or_default().to_owned(), doc["n"].as_i64().unwrap_or_default())
        })
        .collect();
    seen.sort();
    assert_eq!(seen, [("a".into(), 4), ("b".into(), 4), ("z".into(), 10)]);
}

async fn a_documents_events_come_in_order(server: TestServer) {
    define_open(&server).await;
    define_closed(&server, "seen").await;
    // The earlier, the slower: what didn't wait for the one before would overtake it.
    let source = r#"
        export const keep = onDocument("open", { on: ["create", "update"] }, async (event: any, ctx) => {
            await new Promise((done) => setTimeout(done, 30 - event.doc.n * 3));
            await ctx.asService().db.collection("seen").create({ of: event.doc.id, n: event.doc.n });
        });
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    for id in ["a", "b", "c", "d"] {
        create(&visitor, "open", json!({"id": id, "n": 0})).await;
    }
    for n in 1..10 {
        for id in ["a", "b", "c", "d"] {
            visitor.patch(&document("open", id)).json(&json!({ "n": n })).expect(200).await;
        }
    }
    let seen = collected(&server, "seen", 40).await;
    for id in ["a", "b", "c", "d"] {
        let order: Vec<i64> = seen.iter().filter(|row| row["of"] == id).filter_map(|row| row["n"].as_i64()).collect();
        assert_eq!(order, (0..10).collect::<Vec<_>>(), "of {id}");
    }
}

async fn nobody_calls_in_an_event(server: TestServer) {
    server.define("mine", &json!({"rules": {"read": "auth.id == doc.owner", "create": "auth.id == next.owner"}})).await;
    define_closed(&server, "seen").await;
    let source = r#"
        export const keep = onDocument("mine", { on: ["create"] }, async (event: any, ctx) => {
            const refused = await ctx.db.collection("mine").get(event.doc.id).then((doc: unknown) => doc === null ? "hidden" : "shown", (error: any) => error.code);
            const shown = await ctx.asService().db.collection("mine").get(event.doc.id);
            await ctx.asService().db.collection("seen").create({ auth: ctx.auth, refused, shown: shown.owner });
        });
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    create(&ann, "mine", json!({ "owner": ann.id })).await;
    let seen = collected(&server, "seen", 1).await;
    assert_eq!((&seen[0]["auth"], &seen[0]["shown"]), (&Value::Null, &json!(ann.id)));
    assert!(["hidden", "document_not_found"].contains(&seen[0]["refused"].as_str().unwrap_or_default()), "{seen:?}");
}

/// Fails until the collection `mended` has something; tells of each try in `tries`.
const FAILING: &str = r#"
    export const shaky = onDocument("open", { on: ["create"] }, async (event: any, ctx) => {
        const db = ctx.asService().db;
        await db.collection("tries").create({ of: event.doc.id, event: event.id, key: ctx.idempotencyKey, attempt: event.attempt });
        if (event.doc.bad && (await db.collection("mended").where("of", "==", event.doc.id).count()) === 0) throw new Error("not yet");
        await db.collection("seen").create({ of: event.doc.id });
    });
"#;

async fn prepare_failing(server: &TestServer) {
    define_open(server).await;
    for collection in ["tries", "mended", "seen"] {
        define_closed(server, collection).await;
    }
    deploy(server, FAILING).await;
}

/// Lets the clock go on until there are so many tries.
async fn tries(server: &TestServer, count: usize) -> Vec<Value> {
    as_time_passes(server, Duration::from_mins(40), &format!("{count} tries"), || async {
        Some(collected(server, "tries", 1).await).filter(|tries| tries.len() >= count)
    })
    .await
}

async fn what_fails_comes_again_as_the_same_event(server: TestServer) {
    prepare_failing(&server).await;
    create(&server.visitor(), "open", json!({"id": "d1", "bad": true})).await;
    let first = tries(&server, 3).await;
    create(server.service(), "mended", json!({"of": "d1"})).await;
    as_time_passes(&server, Duration::from_mins(40), "the end", || async {
        let listed = server.service().get(&crate::support::documents("seen")).expect(200).await;
        (!listed.items().is_empty()).then_some(())
    })
    .await;
    assert!(first.iter().all(|row| row["event"] == first[0]["event"] && row["key"] == first[0]["event"]), "{first:?}");
    let attempts: Vec<i64> = first.iter().filter_map(|row| row["attempt"].as_i64()).collect();
    assert_eq!(attempts[..3], [1, 2, 3]);
    let letters = server.owner().get("/v1/admin/deadletters").expect(200).await;
    assert!(letters.items().is_empty(), "{letters}");
}

async fn what_fails_for_good_is_a_dead_letter(server: TestServer) {
    prepare_failing(&server).await;
    for id in ["d1", "d2"] {
        create(&server.visitor(), "open", json!({"id": id, "bad": true})).await;
    }
    let path = "/v1/admin/deadletters";
    let letters = as_time_passes(&server, Duration::from_mins(40), "two dead letters", || async {
        Some(server.owner_again().await.get(path).expect(200).await.items()).filter(|items| items.len() == 2)
    })
    .await;
    let owner = server.owner_again().await;
    let letter = letters.iter().find(|letter| letter.to_string().contains("\"d1\"")).expect("the first's");
    assert_eq!(letter["attempts"], 8, "{letter}");
    assert!(letter["error"].as_str().is_some_and(|error| error.contains("not yet")), "{letter}");
    assert!(letter.to_string().contains("shaky"), "its target is named: {letter}");
    let one = format!("{path}/{}", letter["id"].as_str().expect("an id"));
    assert_eq!(owner.get(&one).expect(200).await.at("/id"), letter["id"]);
    // Mended, and sent once more: as the same event.
    create(server.service(), "mended", json!({"of": "d1"})).await;
    let answer = owner.post(&format!("{one}/replay")).send().await;
    assert!([200, 202, 204].contains(&answer.status), "{answer}");
    let seen = collected(&server, "seen", 1).await;
    assert_eq!(seen[0]["of"], "d1");
    let tried = collected(&server, "tries", 17).await;
    let of_it: Vec<&Value> = tried.iter().filter(|row| row["of"] == "d1").collect();
    assert!(of_it.iter().all(|row| row["event"] == of_it[0]["event"]), "{of_it:?}");
    owner.get(&one).problem(404, "dead_letter_not_found").await;
    // The other is let go.
    let rest = owner.get(path).expect(200).await.items();
    assert_eq!(rest.len(), 1);
    let other = format!("{path}/{}", rest[0]["id"].as_str().expect("an id"));
    owner.delete(&other).expect(204).await;
    owner.get(&other).problem(404, "dead_letter_not_found").await;
    owner.post(&format!("{other}/replay")).problem(404, "dead_letter_not_found").await;
    assert!(owner.get(path).expect(200).await.items().is_empty());
}

async fn a_poison_event_holds_up_nobody_else(server: TestServer) {
    prepare_failing(&server).await;
    let visitor = server.visitor();
    create(&visitor, "open", json!({"id": "bad", "bad": true})).await;
    for n in 0..50 {
        create(&visitor, "open", json!({"id": format!("good{n}")})).await;
    }
    // No time passes: what failed waits for its next try, and the others have come all the same.
    let seen = collected(&server, "seen", 50).await;
    assert!(seen.iter().all(|row| row["of"] != "bad"), "{seen:?}");
}

async fn files_come_as_events(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    define_bucket(&server, "other", &open()).await;
    define_closed(&server, "seen").await;
    deploy(&server, &keeping("onFile", "docs", "{ on: [\"create\", \"delete\"], when: \"doc.size < 100\" }")).await;
    let visitor = server.visitor();
    put(&visitor, "other", "x", b"elsewhere").await;
    put(&visitor, "docs", "large", &[7; 200]).await;
    let made = put(&visitor, "docs", "a/b.txt", b"hello").await.body();
    collected(&server, "seen", 1).await;
    visitor.delete(&file("docs", "a/b.txt")).expect(204).await;
    let seen = collected(&server, "seen", 2).await;
    assert_eq!(seen.len(), 2, "{seen:?}");
    let event = &seen[0]["event"];
    assert_eq!((&event["type"], &event["doc"]["path"]), (&json!("basalt.file.created"), &json!("a/b.txt")));
    assert_eq!((&event["doc"]["id"], &event["doc"]["sha256"]), (&made["id"], &made["sha256"]));
    assert_eq!(seen[1]["event"]["type"], "basalt.file.deleted");
}

async fn users_come_as_events(server: TestServer) {
    define_closed(&server, "seen").await;
    let source = r#"
        export const keep = onUser({ on: ["create", "update", "delete", "signIn"] }, async (event: any, ctx) => {
            await ctx.asService().db.collection("seen").create({ type: event.type, user: event.doc.id, email: event.doc.email, text: JSON.stringify(event) });
        });
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    eventually("the sign-up", || async {
        let seen = collected(&server, "seen", 1).await;
        seen.iter().any(|row| row["type"] == "basalt.user.created").then_some(())
    })
    .await;
    ann.patch("/v1/auth/me").json(&json!({"displayName": "Ann"})).expect(200).await;
    let body = json!({"email": ann.email, "password": ann.password});
    server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
    ann.delete("/v1/auth/me").send().await;
    let types = ["basalt.user.created", "basalt.user.updated", "basalt.user.signed_in", "basalt.user.deleted"];
    let seen = eventually("all kinds", || async {
        let seen = collected(&server, "seen", 1).await;
        types.iter().all(|kind| seen.iter().any(|row| row["type"] == *kind)).then_some(seen)
    })
    .await;
    assert!(seen.iter().all(|row| row["user"] == ann.id.as_str() && row["email"] == ann.email.as_str()), "{seen:?}");
    for secret in ["argon2", "phrase", "refreshToken", &ann.refresh_token] {
        assert!(seen.iter().all(|row| !row["text"].to_string().contains(secret)), "{secret}: {seen:?}");
    }
}

async fn messages_of_channels_come(server: TestServer) {
    let rules = json!({"rules": {"join": "true", "publish": "true"}});
    for pattern in ["room:{room}", "other:{room}"] {
        let answer = server.owner().put(&format!("/v1/admin/channels/{pattern}")).json(&rules).send().await;
        assert!([200, 201].contains(&answer.status), "{answer}");
    }
    define_closed(&server, "seen").await;
    let source = r#"
        export const keep = onMessage("room:*", async (event: any, ctx) => {
            await ctx.asService().db.collection("seen").create({ event });
        });
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    let said = json!({"event": "said", "data": {"text": "hello"}});
    ann.post("/v1/channels/other:1/messages").json(&said).expect(202).await;
    ann.post("/v1/channels/room:1/messages").json(&said).expect(202).await;
    let seen = collected(&server, "seen", 1).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    let event = &seen[0]["event"];
    assert_eq!(event["type"], "basalt.channel.message");
    let text = event.to_string();
    assert!(text.contains("room:1") && text.contains("hello") && text.contains(&ann.id), "{text}");
}

async fn a_schedule_ticks_once(server: TestServer) {
    define_closed(&server, "seen").await;
    let source = r#"
        export const nightly = onSchedule("0 3 * * *", { timezone: "Asia/Shanghai" }, async (tick: any, ctx) => {
            await ctx.asService().db.collection("seen").create({ tick, key: ctx.idempotencyKey, auth: ctx.auth });
        });
    "#;
    deploy(&server, source).await;
    let listed = server.owner().get("/v1/admin/schedules").expect(200).await;
    assert_eq!(listed.items().len(), 1, "{listed}");
    assert!(listed.text().contains("Asia/Shanghai"), "{listed}");
    // 2026-11-22T08:00Z is 16:00 there: the next is at 19:00Z.
    let mut seen = Vec::new();
    for day in 1..=2 {
        seen = as_time_passes(&server, Duration::from_hours(3), "a tick", || async {
            let listed = server.service().get(&crate::support::documents("seen")).expect(200).await;
            Some(listed.items()).filter(|items| items.len() >= day)
        })
        .await;
        assert_eq!(seen.len(), day, "{seen:?}");
    }
    assert_ne!(seen[0]["key"], seen[1]["key"]);
    let text = seen.iter().map(|row| row["tick"].to_string()).collect::<String>();
    assert!(text.contains("basalt.schedule.tick") && text.contains("2026-11-22T19:00:00.000Z"), "{text}");
    assert_eq!(seen[0]["auth"], Value::Null);
}

async fn what_a_transaction_and_an_import_write_comes_too(server: TestServer) {
    define_open(&server).await;
    define_closed(&server, "seen").await;
    deploy(&server, &keeping("onDocument", "open", "{ on: [\"create\"] }")).await;
    let operations = json!({"operations": [
        {"op": "create", "collection": "open", "id": "t1", "data": {}},
        {"op": "create", "collection": "open", "id": "t2", "data": {}},
    ]});
    server.visitor().post("/v1/transactions").json(&operations).expect(200).await;
    let lines = b"{\"id\":\"i1\"}\n{\"id\":\"i2\"}\n".to_vec();
    let path = "/v1/collections/open/import";
    server.service().post(path).body("application/x-ndjson", lines).expect(200).await;
    let seen = collected(&server, "seen", 4).await;
    let mut ids: Vec<&str> = seen.iter().filter_map(|row| row["event"]["doc"]["id"].as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["i1", "i2", "t1", "t2"]);
    let mut keys: Vec<&str> = seen.iter().filter_map(|row| row["key"].as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4, "each has its own id");
}

async fn what_is_the_systems_never_comes(server: TestServer) {
    for collection in ["_sessions", "_keys", "_functions"] {
        let source =
            format!("export const keep = onDocument(\"{collection}\", {{ on: [\"create\"] }}, async () => {{}});");
        let body = super::support::module(&source);
        let _ = super::support::try_deploy(&server, &body).await.problem(422, "invalid_definition");
    }
    let listed = server.owner().get("/v1/admin/functions").expect(200).await;
    assert!(listed.items().is_empty(), "{listed}");
}

async fn a_function_that_is_gone_gets_nothing(server: TestServer) {
    prepare_failing(&server).await;
    create(&server.visitor(), "open", json!({"id": "d1", "bad": true})).await;
    tries(&server, 1).await;
    let answer = server.owner().delete("/v1/admin/functions/shaky").send().await;
    assert!([200, 204].contains(&answer.status), "{answer}");
    for _ in 0..12 {
        server.clock().advance(Duration::from_hours(1));
        server.rooms().jobs.run_due().await.unwrap();
    }
    let letters = server.owner_again().await.get("/v1/admin/deadletters").expect(200).await;
    assert!(letters.items().is_empty(), "nobody is there to be dead: {letters}");
}
