use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{IMPORTS, admin, call, deploy, files, invoke, module, try_deploy};
use crate::deploy::sent;

on_both_engines! {
    the_same_again_changes_nothing,
    a_change_is_a_new_version_and_holds_at_once,
    a_plan_shows_and_does_nothing,
    what_breaks_others_is_marked,
    what_opens_a_function_is_acknowledged_first,
    who_may_call_is_told_before_and_after,
    an_apps_plan_tells_who_may_call_beside_who_may_read,
    of_a_canary_both_versions_say_who_may_call,
    faults_are_told_with_their_place_and_nothing_changes,
    one_name_is_one_function,
    what_is_left_out_is_kept_and_what_is_removed_is_gone,
    a_module_imports_files_beside_it,
    settings_hold_for_all_functions,
    an_alias_is_deployed_to_by_itself,
    only_owners_deploy,
}

const ADD: &str = "export const add = callable({ invoke: 'true' }, async (input) => input.a + input.b);\n";

/// What a plan says of each function.
fn changes(answer: &Value) -> Vec<(String, String, u64)> {
    let items = answer["plan"].as_array().unwrap();
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    items.iter().map(|item| (text(item, "function"), text(item, "change"), item["version"].as_u64().unwrap())).collect()
}

async fn the_same_again_changes_nothing(server: TestServer) {
    let first = deploy(&server, ADD).await.body();
    assert_eq!(changes(&first), [("add".into(), "added".into(), 1)]);
    let again = deploy(&server, ADD).await.body();
    assert_eq!(changes(&again), [("add".into(), "unchanged".into(), 1)]);
    assert_eq!(invoke(&server.visitor(), "add", json!({"a": 1, "b": 2})).await, 3);
    let shown = server.owner().get(&admin("add")).expect(200).await;
    assert_eq!((shown.at("/kind"), shown.at("/version")), (json!("callable"), json!(1)));
    assert_eq!(shown.at("/aliases"), json!({"live": [{"version": 1, "weight": 100}]}));
    assert_eq!(shown.at("/invoke"), "true");
}

async fn a_change_is_a_new_version_and_holds_at_once(server: TestServer) {
    deploy(&server, ADD).await;
    for n in 2..=5 {
        let source = ADD.replace("input.b", &format!("input.b + {n}"));
        let done = deploy(&server, &source).await.body();
        assert_eq!(changes(&done), [("add".into(), "changed".into(), n)]);
        assert_eq!(invoke(&server.visitor(), "add", json!({"a": 0, "b": 0})).await, n);
    }
    // What was there already is no new version.
    let back = deploy(&server, ADD).await.body();
    assert_eq!(changes(&back), [("add".into(), "changed".into(), 1)]);
    assert_eq!(invoke(&server.visitor(), "add", json!({"a": 0, "b": 0})).await, 0);
}

async fn a_plan_shows_and_does_nothing(server: TestServer) {
    let mut body = module(ADD);
    body["plan"] = json!(true);
    let shown = try_deploy(&server, &body).await.expect(200).body();
    assert_eq!((&shown["applied"], changes(&shown)), (&json!(false), vec![("add".into(), "added".into(), 1)]));
    assert_eq!(shown["warnings"].as_array().unwrap().len(), 1, "everybody may call it: {shown}");
    let mut body = module("export const copy = onDocument('nowhere', async () => {});\n");
    body["plan"] = json!(true);
    let warned = try_deploy(&server, &body).await.expect(200).text_at("/warnings/0");
    assert!(warned.contains("nowhere"), "{warned}");
    call(&server.visitor(), "add", &json!({})).problem(404, "function_not_found").await;
    assert!(server.owner().get("/v1/admin/functions").expect(200).await.items().is_empty());
}

async fn what_breaks_others_is_marked(server: TestServer) {
    let with = |options: &str| {
        format!("export const add = callable({{ invoke: 'auth != null', {options} }}, async (input) => 1);\n")
    };
    deploy(&server, &with("input: { type: 'object', properties: { a: { type: 'number' } } }")).await;
    let narrower = with("input: { type: 'object', required: ['a'], properties: { a: { type: 'number' } } }");
    let breaking = async |source: &str| {
        let mut body = module(source);
        body["plan"] = json!(true);
        try_deploy(&server, &body).await.expect(200).at("/plan/0/breaking")
    };
    assert_eq!(breaking(&narrower).await, json!(["The input's /a is required now."]));
    assert_eq!(breaking(&with("")).await, json!([]), "whatever fitted fits");
    let output = with("input: { type: 'object', properties: { a: { type: 'number' } } }, output: { type: 'number' }");
    assert_eq!(breaking(&output).await, json!(["Its output schema is another one."]));
    let kind = "export const add = onDocument('notes', async () => {});\n";
    assert!(breaking(kind).await[0].as_str().unwrap().starts_with("It was callable"));
}

async fn what_opens_a_function_is_acknowledged_first(server: TestServer) {
    let with = |rule: &str| module(&format!("export const add = callable({{ invoke: \"{rule}\" }}, async () => 1);\n"));
    let _ = try_deploy(&server, &with("auth != null")).await.expect(200);
    let mut open = with("true");
    let refused = try_deploy(&server, &open).await.problem(409, "plan_refused");
    assert_eq!(refused.at("/acknowledge"), json!(["add.invoke"]));
    call(&server.visitor(), "add", &json!({})).problem(401, "unauthenticated").await;
    open["acknowledge"] = json!(["add.invoke"]);
    let _ = try_deploy(&server, &open).await.expect(200);
    assert_eq!(invoke(&server.visitor(), "add", json!({})).await, 1);
}

/// How many of visitors and of those who are signed in may call, and by which rule.
fn may(visitor: &str, signed_in: &str, rule: Option<&str>) -> Value {
    json!({"visitor": visitor, "signedIn": signed_in, "rule": rule})
}

async fn who_may_call_is_told_before_and_after(server: TestServer) {
    let with = |options: &str| format!("export const add = callable({{ {options} }}, async () => 1);\n");
    let planned = async |mut body: Value| {
        body["plan"] = json!(true);
        try_deploy(&server, &body).await.expect(200).at("/plan/0/access")
    };
    let told = |change: &str, before: Value, after: Value| json!({"collection": "functions/add", "op": "invoke", "change": change, "before": before, "after": after});
    let signed_in = may("never", "always", Some("auth != null"));
    let source = with("invoke: 'auth != null'");
    assert_eq!(planned(module(&source)).await, told("opened", json!(null), signed_in.clone()));
    assert_eq!(planned(module(&with(""))).await, json!(null), "it is nobody's, as it was");
    deploy(&server, &source).await;
    assert_eq!(planned(module(&source)).await, json!(null), "nothing changes");
    assert_eq!(planned(module(&with("invoke: 'auth != null', timeout: '1s'"))).await, json!(null), "nor who may call");
    for (rule, change, after) in [
        ("true", "opened", may("always", "always", Some("true"))),
        ("input.key == 'k'", "changed", may("depends", "depends", Some("input.key == 'k'"))),
        ("'hr' in auth.roles", "closed", may("never", "depends", Some("'hr' in auth.roles"))),
        ("auth != null && true", "changed", may("never", "always", Some("auth != null && true"))),
    ] {
        let access = planned(module(&with(&format!("invoke: \"{rule}\"")))).await;
        assert_eq!(access, told(change, signed_in.clone(), after), "{rule}");
    }
    assert_eq!(planned(module(&with(""))).await, told("closed", signed_in.clone(), may("never", "never", None)));
    let other = "export const add = onDocument('notes', async () => {});\n";
    assert_eq!(planned(module(other)).await, told("closed", signed_in.clone(), json!(null)));
    let gone = json!({"files": {}, "remove": ["add"]});
    assert_eq!(planned(gone).await, told("closed", signed_in, json!(null)));
    let mut staging = module(&source);
    staging["alias"] = json!("staging");
    assert_eq!(planned(staging).await["collection"], "functions/add@staging");
    // However it is said that everybody may: it is asked about.
    let open = module(&with("invoke: 'auth == null || auth != null'"));
    let refused = try_deploy(&server, &open).await.problem(409, "plan_refused");
    assert_eq!(refused.at("/plan/0/access/change"), "opened");
}

async fn an_apps_plan_tells_who_may_call_beside_who_may_read(server: TestServer) {
    let app = |read: &str, invoke: &str| {
        format!("[collections.notes.rules]\nread = \"{read}\"\n[functions.rules]\ninvoke = \"{invoke}\"\n")
    };
    let code = format!("{IMPORTS}export const add = callable(async () => 1);\n");
    let access = async |query: &str, app: &str| {
        let answer = sent(&server, query, &[("app.toml", app), ("functions/add.ts", &code)]).expect(200).await;
        let told = answer.at("/plan/access");
        told.as_array().unwrap().iter().find(|change| change["thing"] == "function:add").cloned()
    };
    let closed = app("auth != null", "auth != null");
    let added = access("", &closed).await.unwrap();
    assert_eq!((&added["change"], &added["before"]), (&json!("opened"), &json!(null)), "{added}");
    assert_eq!(access("?plan=true", &closed).await, None);
    assert_eq!(access("?plan=true", &app("'hr' in auth.roles", "auth != null")).await, None, "reads are others");
    let open = app("auth != null", "true");
    let opened = access("?plan=true", &open).await.unwrap();
    assert_eq!(opened["before"], may("never", "always", Some("auth != null")));
    assert_eq!((&opened["after"], &opened["op"]), (&may("always", "always", Some("true")), &json!("invoke")));
    let files = [("app.toml", open.as_str()), ("functions/add.ts", code.as_str())];
    let refused = sent(&server, "", &files).problem(409, "plan_refused").await;
    assert_eq!(refused.at("/breaking/0/thing"), "function:add", "{refused}");
    call(&server.visitor(), "add", &json!({})).problem(401, "unauthenticated").await;
    access("?acknowledge=function:add", &open).await.unwrap();
    assert_eq!(invoke(&server.visitor(), "add", json!({})).await, 1);
    let without = sent(&server, "?plan=true&remove=function:add", &[("app.toml", &open)]).expect(200).await;
    assert_eq!(without.at("/plan/access/0/change"), "closed", "{without}");
    assert_eq!(without.at("/plan/access/0/after"), json!(null));
}

async fn of_a_canary_both_versions_say_who_may_call(server: TestServer) {
    let with = |rule: &str| module(&format!("export const add = callable({{ invoke: '{rule}' }}, async () => 1);\n"));
    let _ = try_deploy(&server, &with("auth != null")).await.expect(200);
    let mut open = with("true");
    open["acknowledge"] = json!(["add.invoke"]);
    let _ = try_deploy(&server, &open).await.expect(200);
    let shares = json!({"versions": [{"version": 1, "weight": 90}, {"version": 2, "weight": 10}]});
    server.owner().put(&admin("add/aliases/live")).json(&shares).expect(200).await;
    open["plan"] = json!(true);
    let access = try_deploy(&server, &open).await.expect(200).at("/plan/0/access");
    assert_eq!(access["before"], may("depends", "always", Some("(auth != null) || (true)")), "{access}");
    assert_eq!((&access["change"], &access["after"]["visitor"]), (&json!("opened"), &json!("always")));
}

async fn faults_are_told_with_their_place_and_nothing_changes(server: TestServer) {
    deploy(&server, ADD).await;
    let broken = files(&[
        ("functions/a.ts", &format!("{IMPORTS}export const a = callable({{}}, async () => {{\n  return 1 +;\n}});\n")),
        (
            "functions/b.ts",
            &format!("{IMPORTS}export const b = callable({{ invoke: 'auth.nope == 1', speed: 9 }}, async () => 1);\n"),
        ),
    ]);
    let refused = try_deploy(&server, &broken).await.problem(422, "invalid_definition");
    assert_eq!(refused.at("/errors/0/path"), "/functions/a.ts");
    assert_eq!((refused.at("/errors/0/line"), refused.at("/errors/0/column").is_number()), (json!(3), true));
    let options = files(&[(
        "functions/b.ts",
        &format!("{IMPORTS}export const b = callable({{ invoke: 'auth.nope == 1', speed: 9 }}, async () => 1);\n"),
    )]);
    let refused = try_deploy(&server, &options).await.problem(422, "invalid_definition");
    let mut told: Vec<Value> = refused.at("/errors").as_array().unwrap().clone();
    told.sort_by_key(|fault| fault["path"].to_string());
    assert_eq!(told[0]["path"], "/functions/b.ts/b/invoke");
    assert_eq!((&told[0]["line"], &told[0]["column"]), (&json!(2), &json!(38)), "in the text of the module");
    assert_eq!((&told[1]["line"], &told[1]["column"]), (&json!(2), &json!(55)));
    assert_eq!((&told[1]["path"], &told[1]["code"]), (&json!("/functions/b.ts/b/speed"), &json!("unknown_field")));
    let top = files(&[("functions/a.ts", &format!("{IMPORTS}throw new Error('at the top');\n"))]);
    let _ = try_deploy(&server, &top).await.problem(422, "invalid_definition");
    let path = files(&[("../a.ts", "")]);
    let _ = try_deploy(&server, &path).await.problem(422, "invalid_definition");
    let _ = try_deploy(&server, &json!({"files": {}, "colour": 1})).await.problem(400, "unknown_field");
    let settings = json!({"files": {}, "settings": {"limits": {"timeout": "soon"}}});
    let refused = try_deploy(&server, &settings).await.problem(422, "invalid_definition");
    assert_eq!(refused.at("/errors/0/path"), "/settings/limits/timeout");
    let listed = server.owner().get("/v1/admin/functions").expect(200).await;
    assert_eq!(listed.column("name"), ["add"]);
    assert_eq!(invoke(&server.visitor(), "add", json!({"a": 1, "b": 2})).await, 3);
}

async fn one_name_is_one_function(server: TestServer) {
    let source = format!("{IMPORTS}{ADD}");
    let twice = files(&[("functions/a.ts", source.as_str()), ("functions/b.ts", source.as_str())]);
    let refused = try_deploy(&server, &twice).await.problem(422, "invalid_definition");
    assert_eq!(
        (refused.at("/errors/0/path"), refused.at("/errors/0/code")),
        (json!("/functions/b.ts/add"), json!("ambiguous"))
    );
    let taken = module("export const env = callable({}, async () => 1);\n");
    let refused = try_deploy(&server, &taken).await.problem(422, "invalid_definition");
    assert_eq!(refused.at("/errors/0/code"), "bad_name");
}

async fn what_is_left_out_is_kept_and_what_is_removed_is_gone(server: TestServer) {
    deploy(
        &server,
        &format!("{ADD}export const mul = callable({{ invoke: 'true' }}, async (input) => input.a * input.b);\n"),
    )
    .await;
    let other = files(&[(
        "functions/other.ts",
        &format!("{IMPORTS}export const neg = callable({{}}, async (input) => -input.a);\n"),
    )]);
    let done = try_deploy(&server, &other).await.expect(200).body();
    assert_eq!(
        changes(&done),
        [("add".into(), "kept".into(), 1), ("mul".into(), "kept".into(), 1), ("neg".into(), "added".into(), 1)]
    );
    let removal = json!({"files": {}, "remove": ["add"]});
    let done = try_deploy(&server, &removal).await.expect(200).body();
    assert_eq!(changes(&done)[0], ("add".into(), "removed".into(), 1));
    assert_eq!(done["plan"][0]["breaking"], json!(["The function is removed."]));
    call(&server.visitor(), "add", &json!({})).problem(404, "function_not_found").await;
    assert_eq!(invoke(&server.visitor(), "mul", json!({"a": 2, "b": 3})).await, 6);
    let _ = try_deploy(&server, &removal).await.problem(422, "invalid_definition");
    server.owner().delete(&admin("mul")).expect(204).await;
    server.owner().get(&admin("mul")).problem(404, "function_not_found").await;
    server.owner().delete(&admin("mul")).problem(404, "function_not_found").await;
}

async fn a_module_imports_files_beside_it(server: TestServer) {
    let body = files(&[
        (
            "functions/main.ts",
            &format!(
                "{IMPORTS}import {{ twice }} from './_math.ts';\nimport table from './lib/table.json';\n\
            export const one = callable({{ invoke: 'true' }}, async () => twice(table.n));\n"
            ),
        ),
        ("functions/_math.ts", "export function twice(n: number): number { return 2 * n; }\n"),
        ("functions/lib/table.json", "{\"n\": 21}"),
    ]);
    let _ = try_deploy(&server, &body).await.expect(200);
    assert_eq!(invoke(&server.visitor(), "one", json!(null)).await, 42);
    let sources = server.owner().get(&admin("one/versions/1")).expect(200).await.at("/sources");
    assert!(sources["functions/_math.ts"].as_str().unwrap().contains("n: number"), "as it was deployed: {sources}");
}

async fn settings_hold_for_all_functions(server: TestServer) {
    let mut body = module(
        "export const mode = callable(async (input, ctx) => ctx.env.MODE);\n\
         export const own = callable({ invoke: 'false', timeout: '1s' }, async () => 1);\n",
    );
    body["settings"] = json!({
        "rules": {"invoke": "true"}, "env": {"MODE": "test"}, "egress": {"allow": ["api.example.com"]},
        "limits": {"timeout": "7s"}, "own": {"memory": "32MB"},
    });
    let _ = try_deploy(&server, &body).await.expect(200);
    assert_eq!(invoke(&server.visitor(), "mode", json!(null)).await, "test");
    call(&server.visitor(), "own", &json!(null)).problem(401, "unauthenticated").await;
    let limits = async |name: &str| server.owner().get(&admin(name)).expect(200).await.at("/limits");
    assert_eq!(limits("mode").await["timeoutMs"], 7_000);
    let own = limits("own").await;
    assert_eq!((&own["timeoutMs"], &own["memory"]), (&json!(1_000), &json!(32 << 20)));
    let version = server.owner().get(&admin("mode/versions/1")).expect(200).await;
    assert_eq!(version.at("/egress"), json!({"allow": ["api.example.com"], "private": false}));
    // Other settings are another version.
    body["settings"]["env"]["MODE"] = json!("live");
    let done = try_deploy(&server, &body).await.expect(200).body();
    assert_eq!(changes(&done)[0], ("mode".into(), "changed".into(), 2));
    assert_eq!(invoke(&server.visitor(), "mode", json!(null)).await, "live");
}

async fn an_alias_is_deployed_to_by_itself(server: TestServer) {
    deploy(&server, ADD).await;
    let mut staging = module(&ADD.replace("input.a + input.b", "'staged'"));
    staging["alias"] = json!("staging");
    let _ = try_deploy(&server, &staging).await.expect(200);
    assert_eq!(invoke(&server.visitor(), "add", json!({"a": 1, "b": 2})).await, 3);
    assert_eq!(invoke(&server.visitor(), "add@staging", json!({})).await, "staged");
    let by_parameter = server.visitor().post("/v1/functions/add?alias=staging").json(&json!({})).expect(200).await;
    assert_eq!(by_parameter.body(), "staged");
    staging["alias"] = json!("Staging!");
    let _ = try_deploy(&server, &staging).await.problem(400, "bad_request");
}

async fn only_owners_deploy(server: TestServer) {
    let path = admin("deploy");
    let body = module(ADD);
    server.visitor().post(&path).json(&body).problem(401, "unauthenticated").await;
    server.user("ann").await.post(&path).json(&body).problem(403, "forbidden").await;
    server.operator("editor").await.post(&path).json(&body).problem(403, "operator_role_missing").await;
    server.key(&["functions:write"]).await.post(&path).json(&body).problem(403, "scope_missing").await;
    server.key(&["admin"]).await.post(&path).json(&body).expect(200).await;
    for (reads, path) in [("list", "/v1/admin/functions"), ("get", "/v1/admin/functions/add")] {
        server.visitor().get(path).problem(401, "unauthenticated").await;
        server.key(&["functions:read"]).await.get(path).problem(403, "scope_missing").await;
        let viewer = server.operator("viewer").await;
        viewer.get(path).expect(200).await;
        assert!(!reads.is_empty());
    }
    server.operator("editor").await.delete(&admin("add")).problem(403, "operator_role_missing").await;
    server.visitor().delete(&admin("add")).problem(401, "unauthenticated").await;
}
