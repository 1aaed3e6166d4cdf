use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{admin, call, deploy, invoke};

on_both_engines! {
    versions_are_kept_with_their_sources,
    weights_share_the_calls,
    a_rollback_goes_back_and_forth,
    an_alias_can_be_made_and_taken_away,
    who_may_not_moves_no_alias,
}

/// A function that tells its version.
async fn deployed(server: &TestServer, versions: u32) {
    for n in 1..=versions {
        let source = format!("export const which = callable({{ invoke: 'true' }}, async () => {n});\n");
        deploy(server, &source).await;
    }
}

async fn versions_are_kept_with_their_sources(server: TestServer) {
    deployed(&server, 22).await;
    let listed = server.owner().get(&admin("which/versions")).expect(200).await;
    let numbers: Vec<Value> = (3..=22).rev().map(|n| json!(n)).collect();
    assert_eq!(listed.column("version"), numbers, "the last twenty");
    assert_eq!((listed.at("/items/0/aliases"), listed.at("/items/1/aliases")), (json!(["live"]), json!([])));
    assert_eq!(listed.at("/items/0/by/type"), "operator");
    let one = server.owner().get(&admin("which/versions/21")).expect(200).await;
    let source = one.at("/sources/functions~1main.ts");
    assert!(source.as_str().unwrap().contains("async () => 21"), "{one}");
    assert_eq!((one.at("/source"), one.at("/export")), (json!("functions/main.ts"), json!("which")));
    for gone in ["which/versions/2", "which/versions/23", "which/versions/x"] {
        server.owner().get(&admin(gone)).problem(404, "version_not_found").await;
    }
    server.owner().get(&admin("nobody/versions")).problem(404, "function_not_found").await;
    let other = server.key(&["functions:read"]).await;
    for path in [admin("which/versions"), admin("which/versions/22")] {
        server.visitor().get(&path).problem(401, "unauthenticated").await;
        other.get(&path).problem(403, "scope_missing").await;
    }
}

async fn weights_share_the_calls(server: TestServer) {
    deployed(&server, 2).await;
    let path = admin("which/aliases/live");
    let put = server
        .owner()
        .put(&path)
        .json(&json!({"versions": [{"version": 1, "weight": 50}, {"version": 2, "weight": 50}]}));
    put.expect(200).await;
    let mut seen = [0, 0];
    for _ in 0..60 {
        let which = invoke(&server.visitor(), "which", json!(null)).await;
        seen[usize::try_from(which.as_u64().unwrap()).unwrap() - 1] += 1;
    }
    assert!(seen[0] > 5 && seen[1] > 5, "{seen:?}");
    for bad in [
        json!({"versions": []}),
        json!({"versions": [{"version": 1, "weight": 99}]}),
        json!({"versions": [{"version": 1, "weight": 50}, {"version": 1, "weight": 50}]}),
        json!({"versions": [{"version": 1, "weight": 100}, {"version": 2, "weight": 0}]}),
    ] {
        server.owner().put(&path).json(&bad).problem(400, "bad_request").await;
    }
    let unknown = json!({"versions": [{"version": 9, "weight": 100}]});
    server.owner().put(&path).json(&unknown).problem(404, "version_not_found").await;
    server.owner().put(&path).json(&json!({"versions": [], "x": 1})).problem(400, "unknown_field").await;
}

async fn a_rollback_goes_back_and_forth(server: TestServer) {
    deployed(&server, 3).await;
    let path = admin("which/rollback");
    let which = async || invoke(&server.visitor(), "which", json!(null)).await;
    let back = server.owner().post(&path).expect(200).await;
    assert_eq!(back.body(), json!({"versions": [{"version": 2, "weight": 100}]}));
    assert_eq!(which().await, 2);
    server.owner().post(&path).expect(200).await;
    assert_eq!(which().await, 3, "to go back again is to go forth");
    server.owner().post(&path).json(&json!({"version": 1})).expect(200).await;
    assert_eq!(which().await, 1);
    server.owner().post(&path).json(&json!({"version": 9})).problem(404, "version_not_found").await;
    server.owner().post(&path).json(&json!({"alias": "nobody"})).problem(404, "alias_not_found").await;
    let history = server.owner().get(&admin("which")).expect(200).await.at("/history");
    assert_eq!(history[0]["to"], json!([{"version": 1, "weight": 100}]));
    assert_eq!(history.as_array().unwrap().len(), 6);
}

async fn an_alias_can_be_made_and_taken_away(server: TestServer) {
    deployed(&server, 2).await;
    let path = admin("which/aliases/canary");
    server.owner().get(&path).problem(404, "alias_not_found").await;
    let first = json!({"versions": [{"version": 1, "weight": 100}]});
    server.owner().put(&path).json(&first).expect(200).await;
    assert_eq!(server.owner().get(&path).expect(200).await.body(), first);
    assert_eq!(invoke(&server.visitor(), "which@canary", json!(null)).await, 1);
    server.owner().delete(&path).expect(204).await;
    server.owner().delete(&path).problem(404, "alias_not_found").await;
    call(&server.visitor(), "which@canary", &json!(null)).problem(404, "alias_not_found").await;
    assert_eq!(invoke(&server.visitor(), "which", json!(null)).await, 2);
    server.owner().delete(&admin("which/aliases/live")).expect(204).await;
    server.owner().get(&admin("which")).problem(404, "function_not_found").await;
}

async fn who_may_not_moves_no_alias(server: TestServer) {
    deployed(&server, 2).await;
    let (alias, rollback) = (admin("which/aliases/live"), admin("which/rollback"));
    let first = json!({"versions": [{"version": 1, "weight": 100}]});
    let (visitor, ann) = (server.visitor(), server.user("ann").await);
    let (editor, key) = (server.operator("editor").await, server.key(&["functions:write"]).await);
    visitor.get(&alias).problem(401, "unauthenticated").await;
    ann.get(&alias).problem(403, "forbidden").await;
    editor.get(&alias).expect(200).await;
    for call in [visitor.put(&alias).json(&first), visitor.delete(&alias), visitor.post(&rollback)] {
        call.problem(401, "unauthenticated").await;
    }
    for call in [editor.put(&alias).json(&first), editor.delete(&alias), editor.post(&rollback)] {
        call.problem(403, "operator_role_missing").await;
    }
    for call in [key.put(&alias).json(&first), key.delete(&alias), key.post(&rollback)] {
        call.problem(403, "scope_missing").await;
    }
    assert_eq!(invoke(&visitor, "which", json!(null)).await, 2);
    let service = server.key(&["admin"]).await;
    service.put(&alias).json(&first).expect(200).await;
    service.post(&rollback).expect(200).await;
    assert_eq!(invoke(&visitor, "which", json!(null)).await, 2);
}
