use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use super::support::{admin, call, deploy, invocations, invoke, logs, module, try_deploy};

on_both_engines! {
    functions_see_secrets_and_nobody_else_does,
    an_aliass_own_goes_before_that_of_all,
    what_functions_say_holds_no_secret,
    who_may_not_neither_sets_nor_lists,
    bad_names_and_values_are_refused,
}

const SECRETS: &str = "/v1/admin/secrets";
const LENGTH: &str =
    "export const length = callable({ invoke: 'true' }, async (input, ctx) => (ctx.secrets.KEY ?? '').length);\n";

fn secret(name: &str) -> String {
    format!("{SECRETS}/{name}")
}

async fn functions_see_secrets_and_nobody_else_does(server: TestServer) {
    deploy(&server, LENGTH).await;
    assert_eq!(invoke(&server.visitor(), "length", json!(null)).await, 0);
    let set = async |value: &str| server.owner().put(&secret("KEY")).json(&json!({"value": value})).expect(204).await;
    set("hunter2hunter2").await;
    assert_eq!(invoke(&server.visitor(), "length", json!(null)).await, 14, "from the next call on");
    set("hunter3").await;
    assert_eq!(invoke(&server.visitor(), "length", json!(null)).await, 7);
    let listed = server.owner().get(SECRETS).expect(200).await;
    assert_eq!((listed.column("name"), listed.column("alias")), (vec![json!("KEY")], vec![json!(null)]));
    assert!(!listed.text().contains("hunter"), "{listed}");
    let audit = server.owner().get("/v1/admin/audit").expect(200).await;
    assert!(audit.text().contains("secrets.set") && !audit.text().contains("hunter"), "{audit}");
    server.owner().delete(&secret("KEY")).expect(204).await;
    server.owner().delete(&secret("KEY")).problem(404, "secret_not_found").await;
    assert_eq!(invoke(&server.visitor(), "length", json!(null)).await, 0);
}

async fn an_aliass_own_goes_before_that_of_all(server: TestServer) {
    deploy(&server, LENGTH).await;
    let mut staging = module(LENGTH);
    staging["alias"] = json!("staging");
    let _ = try_deploy(&server, &staging).await.expect(200);
    server.owner().put(&secret("KEY")).json(&json!({"value": "of all"})).expect(204).await;
    server.owner().put(&secret("KEY")).json(&json!({"value": "of staging", "alias": "staging"})).expect(204).await;
    assert_eq!(invoke(&server.visitor(), "length", json!(null)).await, 6);
    assert_eq!(invoke(&server.visitor(), "length@staging", json!(null)).await, 10);
    server.owner().delete(&format!("{}?alias=staging", secret("KEY"))).expect(204).await;
    assert_eq!(invoke(&server.visitor(), "length@staging", json!(null)).await, 6);
}

async fn what_functions_say_holds_no_secret(server: TestServer) {
    server.owner().put(&secret("KEY")).json(&json!({"value": "hunter2hunter2"})).expect(204).await;
    deploy(
        &server,
        "export const tell = callable({ invoke: 'true' }, async (input, ctx) => {\n\
           ctx.log.info(`key ${ctx.secrets.KEY}`, { deep: [{ key: ctx.secrets.KEY }] });\n\
           console.log(ctx.secrets.KEY);\n\
           if (input.refuse) throw new FunctionError('refused', `not ${ctx.secrets.KEY}`, { key: ctx.secrets.KEY });\n\
           throw new Error(`broken ${ctx.secrets.KEY}`);\n\
         });\n",
    )
    .await;
    let failed = call(&server.visitor(), "tell", &json!({})).problem(500, "function_failed").await;
    assert!(!failed.text().contains("hunter2"), "{failed}");
    let refused = call(&server.visitor(), "tell", &json!({"refuse": true})).problem(400, "refused").await;
    assert!(!refused.text().contains("hunter2") && refused.text().contains("[secret]"), "{refused}");
    let records = invocations(&server, "tell", 2).await;
    let lines = logs(&server, "tell", 4).await;
    let told = format!("{records:?} {lines:?}");
    assert!(!told.contains("hunter2"), "{told}");
    assert!(told.contains("broken [secret]") && told.contains("key [secret]"), "{told}");
    let whole = server.owner().get(&format!("/v1/admin/invocations/{}", records[0]["id"].as_str().unwrap()));
    assert!(!whole.expect(200).await.text().contains("hunter2"));
}

async fn who_may_not_neither_sets_nor_lists(server: TestServer) {
    let body = json!({"value": "a value"});
    let (visitor, ann, path) = (server.visitor(), server.user("ann").await, secret("KEY"));
    let (editor, key) = (server.operator("editor").await, server.key(&["functions:write"]).await);
    visitor.get(SECRETS).problem(401, "unauthenticated").await;
    visitor.put(&path).json(&body).problem(401, "unauthenticated").await;
    visitor.delete(&path).problem(401, "unauthenticated").await;
    ann.get(SECRETS).problem(403, "forbidden").await;
    ann.put(&path).json(&body).problem(403, "forbidden").await;
    editor.put(&path).json(&body).problem(403, "operator_role_missing").await;
    editor.delete(&path).problem(403, "operator_role_missing").await;
    key.get(SECRETS).problem(403, "scope_missing").await;
    key.put(&path).json(&body).problem(403, "scope_missing").await;
    key.delete(&path).problem(403, "scope_missing").await;
    let service = server.key(&["admin"]).await;
    service.put(&path).json(&body).expect(204).await;
    assert_eq!(server.operator("viewer").await.get(SECRETS).expect(200).await.column("name"), ["KEY"]);
    service.delete(&path).expect(204).await;
}

async fn bad_names_and_values_are_refused(server: TestServer) {
    let owner = server.owner();
    for (name, body) in [
        ("1KEY", json!({"value": "x"})),
        ("A-B", json!({"value": "x"})),
        ("KEY", json!({"value": ""})),
        ("KEY", json!({"value": "x".repeat(20_000)})),
        ("KEY", json!({"value": "x", "alias": "No Alias"})),
    ] {
        owner.put(&secret(name)).json(&body).problem(400, "bad_request").await;
    }
    owner.put(&secret("KEY")).json(&json!({"value": "x", "name": "y"})).problem(400, "unknown_field").await;
    owner.put(&secret("KEY")).json(&json!({})).problem(400, "bad_json").await;
    assert!(owner.get(SECRETS).expect(200).await.items().is_empty());
    owner.get(&admin("KEY")).problem(404, "function_not_found").await;
}
