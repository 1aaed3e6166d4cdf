use basalt_testing::{Answer, Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, define_notes, define_open, document, get, own_data};

on_both_engines! {
    the_six_operations_work,
    one_failing_operation_undoes_all,
    the_servers_fields_stay_the_servers,
    rules_see_the_result,
    what_is_no_patch_is_refused,
}

async fn send(client: &Client, collection: &str, id: &str, patch: Value) -> Answer {
    let call = client.patch(&document(collection, id)).body("application/json-patch+json", patch.to_string());
    call.send().await
}

async fn the_six_operations_work(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "a", "x": 1, "list": [1, 3], "m": {"k": "v"}})).await;
    let patch = json!([
        {"op": "test", "path": "/x", "value": 1},
        {"op": "replace", "path": "/x", "value": 2},
        {"op": "add", "path": "/list/1", "value": 2},
        {"op": "add", "path": "/list/-", "value": 4},
        {"op": "copy", "from": "/m/k", "path": "/copied"},
        {"op": "move", "from": "/m", "path": "/moved"},
        {"op": "remove", "path": "/list/0"},
    ]);
    let answer = send(server.service(), "open", "a", patch).await.expect(200);
    let expected = json!({"x": 2, "list": [2, 3, 4], "copied": "v", "moved": {"k": "v"}});
    assert_eq!(own_data(&answer.body()), expected);
}

async fn one_failing_operation_undoes_all(server: TestServer) {
    define_open(&server).await;
    let made = create(server.service(), "open", json!({"id": "a", "x": 1})).await;
    let patch = json!([{"op": "replace", "path": "/x", "value": 2}, {"op": "test", "path": "/x", "value": 1}]);
    let _ = send(server.service(), "open", "a", patch).await.problem(409, "patch_failed");
    let patch = json!([{"op": "remove", "path": "/absent"}]);
    let _ = send(server.service(), "open", "a", patch).await.problem(409, "patch_failed");
    assert_eq!(get(server.service(), "open", "a").await, made);
}

async fn the_servers_fields_stay_the_servers(server: TestServer) {
    define_open(&server).await;
    let made = create(server.service(), "open", json!({"id": "a", "x": 1})).await;
    for path in ["/createdAt", "/updatedAt", "/rev"] {
        let answer =
            send(server.service(), "open", "a", json!([{"op": "replace", "path": path, "value": "1999"}])).await;
        assert!(answer.status < 500, "{answer}");
    }
    let after = get(server.service(), "open", "a").await;
    assert_eq!(after["createdAt"], made["createdAt"]);
    assert_ne!(after["rev"], "1999");
    assert_ne!(after["updatedAt"], "1999");
    let answer = send(server.service(), "open", "a", json!([{"op": "replace", "path": "/id", "value": "b"}])).await;
    assert_eq!(answer.status, 400, "{answer}");
}

async fn rules_see_the_result(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    let give = json!([{"op": "replace", "path": "/owner", "value": bob.id}]);
    let _ = send(&ann, "notes", "n1", give.clone()).await.problem(403, "rule_denied");
    let _ = send(&bob, "notes", "n1", give).await.problem(404, "document_not_found");
}

async fn what_is_no_patch_is_refused(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "a", "x": 1})).await;
    for patch in [
        json!({}),
        json!("x"),
        json!([1]),
        json!([{"op": "bogus", "path": "/x"}]),
        json!([{"op": "add", "path": "/x"}]),
        json!([{"op": "add", "path": "x", "value": 1}]),
        json!([{"op": "replace", "path": "", "value": []}]),
    ] {
        let answer = send(server.service(), "open", "a", patch.clone()).await;
        assert!([400, 409].contains(&answer.status), "{patch}: {answer}");
        answer.assert_is_problem();
    }
}
