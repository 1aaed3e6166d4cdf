use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use super::{changes, deployed, sent};
use crate::support::{create, document, documents};

on_both_engines! {
    an_app_is_deployed_as_one_and_again_changes_nothing,
    a_plan_changes_nothing,
    what_is_absent_is_kept_with_its_data_until_it_is_named,
    who_can_do_what_is_told_before_and_after_and_opening_asks_first,
    open_writes_are_acknowledged_once,
    a_schema_that_takes_less_has_to_be_acknowledged,
    everything_can_be_removed_by_name,
    what_is_unknown_is_refused,
}

const APP: &str = r#"
[collections.notes]
schema = "schemas/note.json"
[collections.notes.rules]
read = "auth.id == doc.owner"
create = "auth.id == next.owner"
[buckets.images.rules]
read = "auth != null"
[channels."room:{room}".rules]
join = "auth != null"
[roles.editor]
description = "Edits"
[schedules.nightly]
cron = "0 3 * * *"
function = "cleanup"
[webhooks.crm]
url = "https://crm.example.com/in"
events = "collection == 'notes'"
"#;
const SCHEMA: &str = r#"{"type": "object", "properties": {"title": {"type": "string"}}}"#;

async fn an_app_is_deployed_as_one_and_again_changes_nothing(server: TestServer) {
    let files = [("app.toml", APP), ("schemas/note.json", SCHEMA)];
    let first = sent(&server, "", &files).expect(200).await;
    assert_eq!((first.at("/applied"), first.at("/changes")), (true.into(), true.into()), "{first}");
    for (list, expected) in [
        ("collections", "notes added"),
        ("buckets", "images added"),
        ("channels", "room:{room} added"),
        ("roles", "editor added"),
        ("schedules", "nightly added"),
        ("webhooks", "crm added"),
    ] {
        assert_eq!(changes(&first, list), [expected], "{first}");
    }
    for (path, pointer, expected) in [
        ("/v1/admin/collections/notes", "/definition/schema/type", "object"),
        ("/v1/admin/roles/editor", "/description", "Edits"),
        ("/v1/admin/schedules/nightly", "/cron", "0 3 * * *"),
        ("/v1/admin/webhooks/crm", "/url", "https://crm.example.com/in"),
    ] {
        assert_eq!(server.owner().get(path).expect(200).await.at(pointer), expected, "{path}");
    }
    let ann = server.user("ann").await;
    create(&ann, "notes", json!({"owner": ann.id, "title": "t"})).await;
    ann.post(&documents("notes")).json(&json!({"owner": ann.id, "title": 1})).problem(422, "schema_violation").await;
    let again = sent(&server, "", &files).expect(200).await;
    assert_eq!((again.at("/applied"), again.at("/changes")), (false.into(), false.into()), "{again}");
    assert_eq!(changes(&again, "webhooks"), ["crm unchanged"]);
    let listed = server.owner().get("/v1/admin/deployments").expect(200).await;
    assert_eq!(listed.items().len(), 1, "{listed}");
    assert_eq!(listed.at("/items/0/id"), first.at("/deployment/id"));
    assert_eq!((listed.at("/items/0/state"), listed.at("/items/0/from")), ("applied".into(), "deploy".into()));
    assert_eq!(listed.at("/items/0/by/type"), "operator");
    let audit = server.owner().get("/v1/admin/audit?limit=100").expect(200).await;
    assert!(audit.column("action").contains(&"app.deploy".into()), "{audit}");
}

async fn a_plan_changes_nothing(server: TestServer) {
    let files = [("app.toml", APP), ("schemas/note.json", SCHEMA)];
    let plan = sent(&server, "?plan=true", &files).expect(200).await;
    assert_eq!((plan.at("/applied"), plan.at("/deployment")), (false.into(), serde_json::Value::Null));
    assert_eq!(changes(&plan, "collections"), ["notes added"]);
    server.owner().get("/v1/admin/collections/notes").problem(404, "collection_not_found").await;
    server.owner().get("/v1/admin/webhooks/crm").problem(404, "webhook_not_found").await;
    assert_eq!(server.owner().get("/v1/admin/deployments").expect(200).await.items().len(), 0);
}

async fn what_is_absent_is_kept_with_its_data_until_it_is_named(server: TestServer) {
    deployed(&server, "[collections.notes]\n[collections.other]\n").await;
    create(server.service(), "notes", json!({"id": "n"})).await;
    let without = deployed(&server, "[collections.other]\n").await;
    assert_eq!(changes(&without, "collections"), ["notes kept", "other unchanged"]);
    server.service().get(&document("notes", "n")).expect(200).await;
    let removed = sent(&server, "?remove=collection:notes", &[("app.toml", "[collections.other]\n")]);
    assert_eq!(changes(&removed.expect(200).await, "collections"), ["notes removed", "other unchanged"]);
    server.service().get(&document("notes", "n")).problem(404, "collection_not_found").await;
}

async fn who_can_do_what_is_told_before_and_after_and_opening_asks_first(server: TestServer) {
    deployed(&server, "[collections.notes.rules]\nget = \"auth.id == doc.owner\"\ncreate = \"auth != null\"\n").await;
    let open = [("app.toml", "[collections.notes.rules]\nget = \"true\"\n")];
    let plan = sent(&server, "?plan=true", &open).expect(200).await;
    let access = plan.at("/plan/access");
    let told = |op: &str| access.as_array().unwrap().iter().find(|entry| entry["op"] == op).cloned().unwrap();
    assert_eq!((&told("get")["change"], &told("create")["change"]), (&json!("opened"), &json!("closed")));
    assert_eq!(
        told("get")["before"],
        json!({"visitor": "never", "signedIn": "depends", "rule": "auth.id == doc.owner"})
    );
    assert_eq!(told("get")["after"], json!({"visitor": "always", "signedIn": "always", "rule": "true"}));
    let refused = sent(&server, "", &open).problem(409, "plan_refused").await;
    let codes: Vec<_> = refused.at("/errors").as_array().unwrap().iter().map(|e| e["code"].clone()).collect();
    assert_eq!(codes, ["access_opened", "access_closed"], "{refused}");
    assert_eq!(refused.at("/breaking/0/thing"), "collection:notes");
    let rule = server.owner().get("/v1/admin/collections/notes").expect(200).await;
    assert_eq!(rule.at("/definition/rules/get"), "auth.id == doc.owner", "nothing was changed");
    sent(&server, "?acknowledge=collection:other", &open).problem(409, "plan_refused").await;
    sent(&server, "?acknowledge=collection:notes", &open).expect(200).await;
    assert_eq!(sent(&server, "", &open).expect(200).await.at("/changes"), false);
}

async fn open_writes_are_acknowledged_once(server: TestServer) {
    let open =
        [("app.toml", "[collections.inbox.rules]\ncreate = \"true\"\n[buckets.drop.rules]\ncreate = \"true\"\n")];
    let refused = sent(&server, "", &open).problem(409, "plan_refused").await;
    assert_eq!(refused.at("/breaking").as_array().map(Vec::len), Some(2), "{refused}");
    sent(&server, "?acknowledge=collection:inbox", &open).problem(409, "plan_refused").await;
    sent(&server, "?acknowledge=collection:inbox,bucket:drop", &open).expect(200).await;
    server.visitor().post(&documents("inbox")).json(&json!({})).expect(201).await;
    assert_eq!(sent(&server, "", &open).expect(200).await.at("/changes"), false, "it stays acknowledged");
    let server = server.with_app(open[0].1).await;
    server.visitor().post(&documents("inbox")).json(&json!({})).expect(201).await;
}

async fn a_schema_that_takes_less_has_to_be_acknowledged(server: TestServer) {
    let app = |schema: &str| format!("[collections.notes]\nschema = {schema}\n");
    deployed(&server, &app("{ type = \"object\", properties = { n = { type = \"number\" } } }")).await;
    let wider = "{ type = \"object\", properties = { n = { type = \"number\" }, m = { type = \"string\" } } }";
    deployed(&server, &app(wider)).await;
    let narrower = app("{ type = \"object\", properties = { n = { type = \"integer\" }, m = { type = \"string\" } } }");
    let refused = sent(&server, "", &[("app.toml", &narrower)]).problem(409, "plan_refused").await;
    assert_eq!(refused.at("/errors/0/path"), "/collections/notes/schema/properties/n/type");
    sent(&server, "?acknowledge=collection:notes", &[("app.toml", &narrower)]).expect(200).await;
}

async fn everything_can_be_removed_by_name(server: TestServer) {
    sent(&server, "", &[("app.toml", APP), ("schemas/note.json", SCHEMA)]).expect(200).await;
    let all = "?remove=collection:notes,bucket:images,channel:room:%7Broom%7D,role:editor,schedule:nightly,webhook:crm";
    for _ in 0..2 {
        let removed = sent(&server, all, &[("app.toml", "")]).expect(200).await;
        assert_eq!(removed.at("/applied"), removed.at("/changes"));
    }
    for path in [
        "/v1/admin/collections/notes",
        "/v1/admin/buckets/images",
        "/v1/admin/roles/editor",
        "/v1/admin/schedules/nightly",
        "/v1/admin/webhooks/crm",
    ] {
        server.owner().get(path).expect(404).await;
    }
}

async fn what_is_unknown_is_refused(server: TestServer) {
    for query in ["?remove=notes", "?acknowledge=table:notes", "?alias=Not%20one"] {
        sent(&server, query, &[("app.toml", "")]).problem(400, "bad_parameter").await;
    }
    sent(&server, "?force=true", &[("app.toml", "")]).problem(400, "unknown_parameter").await;
}
