//! `/v1/admin/schedules`

use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::functions::support::{collected, define_closed, deploy, eventually};

on_both_engines! {
    an_owner_declares_changes_and_removes_schedules,
    who_is_no_owner_is_refused,
    a_bad_schedule_is_refused_with_every_fault,
    an_app_declares_schedules,
    a_run_now_is_told_of_from_its_beginning_to_its_end,
    a_declared_schedule_ticks_with_its_input,
    a_functions_own_schedule_goes_with_it,
}

const SCHEDULES: &str = "/v1/admin/schedules";
const NIGHTLY: &str = "/v1/admin/schedules/nightly";

const CLEANUP: &str = r#"
    export const cleanup = onSchedule("0 0 1 1 *", { timezone: "UTC" }, async (tick: any, ctx) => {
        await ctx.asService().db.collection("seen").create({ tick });
        if (tick.doc.input?.fail) throw new FunctionError("no", "not today", {}, 400);
    });
"#;

async fn an_owner_declares_changes_and_removes_schedules(server: TestServer) {
    let owner = server.owner();
    let body = json!({"cron": "0 3 * * *", "timezone": "Asia/Shanghai", "function": "cleanup", "input": {"days": 30}});
    let made = owner.put(NIGHTLY).json(&body).expect(200).await;
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(made.at(&format!("/{name}")), *value);
    }
    assert_eq!(
        (made.at("/catchUp"), made.at("/overlap"), made.at("/enabled")),
        (json!("one"), json!("skip"), json!(true))
    );
    assert!(made.text_at("/nextRunAt").ends_with("T19:00:00.000Z"), "{made}");
    let same = owner.put(NIGHTLY).json(&body).expect(200).await;
    assert_eq!(same.at("/updatedAt"), made.at("/updatedAt"), "the same content changes nothing");
    let off =
        json!({"cron": "0 4 * * *", "function": "cleanup", "enabled": false, "catchUp": "none", "overlap": "allow"});
    let off = owner.put(NIGHTLY).json(&off).expect(200).await;
    assert_eq!((off.at("/nextRunAt"), off.at("/timezone")), (Value::Null, json!("UTC")));
    assert_eq!(owner.get(SCHEDULES).expect(200).await.column("name"), ["nightly"]);
    assert_eq!(owner.get(&format!("{NIGHTLY}/runs")).expect(200).await.items(), Vec::<Value>::new());
    owner.delete(NIGHTLY).expect(204).await;
    owner.delete(NIGHTLY).problem(404, "schedule_not_found").await;
    owner.get(NIGHTLY).problem(404, "schedule_not_found").await;
    let told: Vec<Value> = owner.get("/v1/admin/audit").expect(200).await.column("action");
    assert_eq!(told[..3], ["schedules.delete", "schedules.put", "schedules.put"]);
}

async fn who_is_no_owner_is_refused(server: TestServer) {
    let body = json!({"cron": "0 3 * * *", "function": "cleanup"});
    server.owner().put(NIGHTLY).json(&body).expect(200).await;
    let (ann, key) = (server.user("ann").await, server.key(&["functions:write"]).await);
    for (client, status) in [(&server.visitor(), 401), (&*ann, 403), (&key, 403)] {
        for answer in [
            client.get(SCHEDULES).send().await,
            client.get(NIGHTLY).send().await,
            client.put(NIGHTLY).json(&body).send().await,
            client.delete(NIGHTLY).send().await,
            client.post(&format!("{NIGHTLY}/run")).send().await,
            client.get(&format!("{NIGHTLY}/runs")).send().await,
        ] {
            assert_eq!(answer.status, status, "{answer}");
            answer.assert_is_problem();
        }
    }
    let (viewer, editor) = (server.operator("viewer").await, server.operator("editor").await);
    viewer.get(NIGHTLY).expect(200).await;
    viewer.post(&format!("{NIGHTLY}/run")).problem(403, "operator_role_missing").await;
    editor.put(NIGHTLY).json(&body).problem(403, "operator_role_missing").await;
    editor.post(&format!("{NIGHTLY}/run")).expect(202).await;
}

async fn a_bad_schedule_is_refused_with_every_fault(server: TestServer) {
    let owner = server.owner();
    let body = json!({"cron": "61 * * * *", "timezone": "UTC", "function": "f", "catchUp": "all", "colour": 1});
    let answer = owner.put(NIGHTLY).json(&body).problem(422, "invalid_definition").await;
    let mut paths: Vec<String> =
        answer.at("/errors").as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap().into()).collect();
    paths.sort();
    assert_eq!(paths, ["/catchUp", "/colour", "/cron"]);
    let zone = json!({"cron": "0 3 * * *", "timezone": "Mars/Base", "function": "f"});
    let answer = owner.put(NIGHTLY).json(&zone).problem(422, "invalid_definition").await;
    assert_eq!(answer.at("/errors/0/path"), "/timezone");
    owner.put(NIGHTLY).json(&json!({"cron": "0 0 30 2 *", "function": "f"})).problem(422, "invalid_definition").await;
    owner.get(NIGHTLY).problem(404, "schedule_not_found").await;
}

async fn an_app_declares_schedules(server: TestServer) {
    let manifest = "[schedules.nightly]\ncron = \"0 3 * * *\"\nfunction = \"cleanup\"\n";
    let server = server.with_app(manifest).await;
    assert_eq!(server.owner().get(NIGHTLY).expect(200).await.at("/cron"), "0 3 * * *");
    // What an operator changed afterwards stays, as long as the app says the same.
    server.owner().put(NIGHTLY).json(&json!({"cron": "0 4 * * *", "function": "cleanup"})).expect(200).await;
    let server = server.with_app(manifest).await;
    assert_eq!(server.owner().get(NIGHTLY).expect(200).await.at("/cron"), "0 4 * * *");
}

async fn a_run_now_is_told_of_from_its_beginning_to_its_end(server: TestServer) {
    define_closed(&server, "seen").await;
    deploy(&server, CLEANUP).await;
    let owner = server.owner();
    let body = json!({"cron": "0 3 * * *", "function": "cleanup", "enabled": false});
    owner.put(NIGHTLY).json(&body).expect(200).await;
    let id = owner.post(&format!("{NIGHTLY}/run")).expect(202).await.at("/id");
    let run = eventually("the run's end", || async {
        let runs = owner.get(&format!("{NIGHTLY}/runs")).expect(200).await.items();
        runs.into_iter().find(|run| run["outcome"] == "succeeded")
    })
    .await;
    assert_eq!((&run["id"], &run["manual"], &run["attempts"]), (&id, &json!(true), &json!(1)));
    assert!(run["startedAt"].is_string() && run["finishedAt"].is_string() && run["error"].is_null(), "{run}");
    let path = format!("/v1/admin/invocations/{}", run["invocation"].as_str().unwrap());
    let record = eventually("its record", || async {
        let answer = owner.get(&path).send().await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(record.at("/function"), "cleanup");
    assert_eq!(owner.get(NIGHTLY).expect(200).await.at("/lastRun/id"), id);
    assert_eq!(collected(&server, "seen", 1).await[0]["tick"]["id"], id);
}

async fn a_declared_schedule_ticks_with_its_input(server: TestServer) {
    define_closed(&server, "seen").await;
    deploy(&server, CLEANUP).await;
    let body = json!({"cron": "*/10 * * * *", "function": "cleanup", "input": {"days": 30}, "overlap": "allow"});
    server.owner().put(NIGHTLY).json(&body).expect(200).await;
    server.rooms().schedules.tick().await.unwrap();
    server.clock().advance(Duration::from_mins(10));
    let seen = collected(&server, "seen", 1).await;
    let tick = &seen[0]["tick"];
    assert_eq!(
        (&tick["type"], &tick["source"]),
        (&json!("basalt.schedule.tick"), &json!(NIGHTLY.replace("/admin", "")))
    );
    assert_eq!((&tick["doc"]["schedule"], &tick["doc"]["input"]), (&json!("nightly"), &json!({"days": 30})));
    assert_eq!(tick["doc"]["manual"], false);
}

async fn a_functions_own_schedule_goes_with_it(server: TestServer) {
    define_closed(&server, "seen").await;
    deploy(&server, CLEANUP).await;
    let owner = server.owner();
    let path = format!("{SCHEDULES}/cleanup");
    let own = owner.get(&path).expect(200).await;
    assert_eq!((own.at("/source"), own.at("/function")), (json!("function"), json!("cleanup")));
    owner.delete(&path).problem(409, "referenced").await;
    // Declared under its name: that counts, until it is removed.
    owner.put(&path).json(&json!({"cron": "0 5 * * *", "function": "cleanup"})).expect(200).await;
    assert_eq!(owner.get(&path).expect(200).await.at("/source"), "declared");
    owner.delete(&path).expect(204).await;
    assert_eq!(owner.get(&path).expect(200).await.at("/source"), "function");
    owner.delete("/v1/admin/functions/cleanup").expect(204).await;
    owner.get(&path).problem(404, "schedule_not_found").await;
}
