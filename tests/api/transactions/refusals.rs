use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use super::operations::run;
use crate::support::{create, define_notes, define_open, document, get};

on_both_engines! {
    a_stranger_is_refused_as_at_the_single_doors,
    a_visitor_is_asked_to_sign_in,
    a_check_needs_the_right_to_read,
    a_condition_needs_the_right_to_read,
    malformed_operations_name_their_index,
    a_scope_is_needed_for_each_collection,
}

async fn a_stranger_is_refused_as_at_the_single_doors(server: TestServer) {
    define_notes(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    let made = create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    for (operation, status, code) in [
        (json!({"op": "create", "collection": "notes", "data": {"owner": ann.id}}), 403, "rule_denied"),
        (json!({"op": "patch", "collection": "notes", "id": "n1", "patch": {"a": 1}}), 404, "document_not_found"),
        (json!({"op": "delete", "collection": "notes", "id": "n1"}), 404, "document_not_found"),
        (json!({"op": "replace", "collection": "notes", "id": "n1", "data": {"owner": ann.id}}), 403, "rule_denied"),
        (
            json!({"op": "replace", "collection": "notes", "id": "n1", "data": {"owner": eve.id}}),
            409,
            "document_exists",
        ),
    ] {
        let operations =
            json!([{"op": "create", "collection": "notes", "id": "mine", "data": {"owner": eve.id}}, operation]);
        let answer = run(&eve, operations).await.problem(status, code);
        assert_eq!(answer.at("/operation"), 1, "{answer}");
        eve.get(&document("notes", "mine")).problem(404, "document_not_found").await;
    }
    assert_eq!(get(&ann, "notes", "n1").await, made);
}

async fn a_visitor_is_asked_to_sign_in(server: TestServer) {
    define_notes(&server).await;
    let visitor = server.visitor();
    let answer = run(&visitor, json!([{"op": "create", "collection": "notes", "data": {"owner": "x"}}]));
    let _ = answer.await.problem(401, "unauthenticated");
}

async fn a_check_needs_the_right_to_read(server: TestServer) {
    define_notes(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    // There or not: a stranger gets the same answer to the same question.
    for exists in [true, false] {
        let check = |id: &str| run(&eve, json!([{"op": "check", "collection": "notes", "id": id, "exists": exists}]));
        let (hidden, absent) = (check("n1").await, check("absent").await);
        assert_eq!((hidden.status, hidden.code()), (absent.status, absent.code()), "{hidden}\n{absent}");
    }
}

async fn a_condition_needs_the_right_to_read(server: TestServer) {
    server.define("drops", &json!({"rules": {"update": "auth != null && doc.n >= 0"}})).await;
    create(server.service(), "drops", json!({"id": "d", "n": 1})).await;
    let eve = server.user("eve").await;
    for condition in ["doc.n == 1", "doc.n == 2", "true"] {
        let patch = json!([{"op": "patch", "collection": "drops", "id": "d", "patch": {"x": 1}, "where": condition}]);
        let _ = run(&eve, patch).await.problem(404, "document_not_found");
    }
}

async fn malformed_operations_name_their_index(server: TestServer) {
    define_open(&server).await;
    let good = json!({"op": "create", "collection": "open", "data": {}});
    for bad in [
        json!({}),
        json!({"op": "bogus", "collection": "open"}),
        json!({"op": "create", "data": {}}),
        json!({"op": "create", "collection": "open"}),
        json!({"op": "create", "collection": "open", "data": []}),
        json!({"op": "create", "collection": "open", "data": {}, "bogus": 1}),
        json!({"op": "create", "collection": "open", "data": {}, "where": "doc.n =="}),
        json!({"op": "patch", "collection": "open", "patch": {}}),
        json!({"op": "patch", "collection": "open", "id": "a b", "patch": {}}),
        json!({"op": "patch", "collection": "open", "id": "a", "patch": {"n": {"$bogus": 1}}}),
        json!({"op": "delete", "collection": "open"}),
        json!({"op": "check", "collection": "open", "id": "a", "exists": "yes"}),
        json!({"op": "create", "collection": "_keys", "data": {}}),
        json!({"op": "create", "collection": "nowhere", "data": {}}),
        json!(1),
    ] {
        let answer = run(server.service(), json!([good, bad])).await;
        assert!([400, 404].contains(&answer.status), "{bad}: {answer}");
        answer.assert_is_problem();
        assert_eq!(answer.at("/operation"), 1, "{bad}: {answer}");
    }
    for body in [json!({}), json!({"operations": {}}), json!({"operations": [], "bogus": 1}), json!([])] {
        let answer = server.service().post("/v1/transactions").json(&body).send().await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
    }
}

async fn a_scope_is_needed_for_each_collection(server: TestServer) {
    define_open(&server).await;
    server.define("other", &json!({})).await;
    let key = server.key(&["documents:write:open"]).await;
    let create = |collection: &str| json!({"op": "create", "collection": collection, "data": {}});
    let _ = run(&key, json!([create("open")])).await.expect(200);
    let answer = run(&key, json!([create("open"), create("other")])).await.problem(403, "scope_missing");
    assert_eq!(answer.at("/operation"), 1, "{answer}");
}
