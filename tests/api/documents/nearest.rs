//! Vectors: the nearest documents, under the rules, exactly and in the same order on both engines.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{built, create, document, documents, query};

on_both_engines! {
    the_nearest_come_first_with_their_distances,
    filters_and_rules_hold_before_the_nearest_are_taken,
    a_hidden_vector_can_not_be_asked_about,
    vectors_are_checked_when_they_are_written,
    what_is_malformed_or_does_not_go_together_is_refused,
    vectors_change_with_their_documents_and_may_come_later,
    many_vectors_are_ordered_exactly,
}

async fn define(server: &TestServer, read: &str) {
    let definition = json!({"rules": {"read": read}, "vectors": {"embedding": 3}});
    server.define("items", &definition).await;
}

fn nearest(vector: &Value, k: usize) -> Value {
    json!({"nearest": {"field": "embedding", "vector": vector, "k": k}})
}

async fn the_nearest_come_first_with_their_distances(server: TestServer) {
    define(&server, "true").await;
    for (id, embedding) in [
        ("same", json!([1, 0, 0])),
        ("far", json!([0, 0, 5])),
        ("near", json!([2, 1, 0])),
        ("opposite", json!([-1, 0, 0])),
        ("nowhere", json!([0, 0, 0])),
        ("null", json!(null)),
    ] {
        create(server.service(), "items", json!({"id": id, "embedding": embedding, "n": 1})).await;
    }
    create(server.service(), "items", json!({"id": "none"})).await;
    let answer = server.visitor().post(&query("items")).json(&nearest(&json!([1, 0, 0]), 10)).expect(200).await;
    assert_eq!(answer.column("id"), ["same", "near", "far", "opposite"]);
    let distances: Vec<f64> = answer.column("distance").iter().filter_map(Value::as_f64).collect();
    assert!((distances[1] - (1.0 - 2.0 / 5.0_f64.sqrt())).abs() < 1e-9, "{distances:?}");
    assert_eq!((distances[0], distances[2], distances[3]), (0.0, 1.0, 2.0));
    assert_eq!(answer.at("/nextCursor"), Value::Null);
    for (metric, expected) in [
        ("euclidean", json!(["nowhere", "same", "opposite", "near", "far"])),
        ("dot", json!(["near", "same", "far", "nowhere", "opposite"])),
    ] {
        let mut body = nearest(&json!([0.4, 0, 0]), 5);
        body["nearest"]["metric"] = metric.into();
        body["select"] = "n".into();
        let answer = server.visitor().post(&query("items")).json(&body).expect(200).await;
        assert_eq!(json!(answer.column("id")), expected, "{metric}");
    }
}

async fn filters_and_rules_hold_before_the_nearest_are_taken(server: TestServer) {
    define(&server, "auth.id == doc.owner").await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    for n in 0..20 {
        let owner = if n % 2 == 0 { &ann.id } else { &eve.id };
        create(server.service(), "items", json!({"n": n, "owner": owner, "embedding": [1, n, 0]})).await;
    }
    let mut body = nearest(&json!([1, 0, 0]), 3);
    assert_eq!(ann.post(&query("items")).json(&body).expect(200).await.column("n"), [0, 2, 4]);
    assert_eq!(eve.post(&query("items")).json(&body).expect(200).await.column("n"), [1, 3, 5]);
    assert!(server.visitor().post(&query("items")).json(&body).expect(200).await.items().is_empty());
    body["filter"] = "n > vars.least || n == 2".into();
    body["vars"] = json!({"least": 10});
    assert_eq!(ann.post(&query("items")).json(&body).expect(200).await.column("n"), [2, 12, 14]);
}

async fn a_hidden_vector_can_not_be_asked_about(server: TestServer) {
    let definition = json!({
        "rules": {"read": "true", "fields": {"embedding": {"read": "false"}}}, "vectors": {"embedding": 3},
    });
    server.define("items", &definition).await;
    create(server.service(), "items", json!({"embedding": [1, 2, 3]})).await;
    let body = nearest(&json!([1, 0, 0]), 3);
    server.user("ann").await.post(&query("items")).json(&body).problem(400, "bad_filter").await;
    assert_eq!(server.service().post(&query("items")).json(&body).expect(200).await.items().len(), 1);
}

async fn vectors_are_checked_when_they_are_written(server: TestServer) {
    define(&server, "true").await;
    for odd in
        [json!([1, 2]), json!([1, 2, 3, 4]), json!([1, 2, "3"]), json!([1, 2, 1e39]), json!("x"), json!({"0": 1})]
    {
        let body = json!({"embedding": odd});
        let problem = server.service().post(&documents("items")).json(&body).problem(422, "schema_violation").await;
        assert_eq!(problem.at("/errors/0/path"), "/embedding", "{odd}");
    }
    let made = create(server.service(), "items", json!({"embedding": [0.1, 2, -3]})).await;
    assert_eq!(made["embedding"], json!([0.1, 2, -3]), "the document keeps what was written");
    for vectors in [json!({"a": 0}), json!({"a": 4_097}), json!({"id": 3}), json!(["a"])] {
        let definition = json!({"vectors": vectors});
        server.owner().put("/v1/admin/collections/bad").json(&definition).problem(422, "invalid_definition").await;
    }
    let shown = server.owner().get("/v1/admin/collections/items").expect(200).await;
    assert!(shown.text().contains("\"embedding\":3"), "{shown}");
}

async fn what_is_malformed_or_does_not_go_together_is_refused(server: TestServer) {
    define(&server, "true").await;
    let whole = nearest(&json!([1, 0, 0]), 3);
    for (name, value) in [("sort", json!("id")), ("limit", json!(3)), ("cursor", json!("x")), ("count", json!("exact"))]
    {
        let mut body = whole.clone();
        body[name] = value;
        server.visitor().post(&query("items")).json(&body).problem(400, "bad_parameter").await;
    }
    for odd in [
        json!({"field": "embedding", "vector": [1, 0]}),
        json!({"field": "other", "vector": [1, 0, 0]}),
        json!({"field": "embedding", "vector": [1, 0, 0], "k": 501}),
        json!({"field": "embedding", "vector": [1, 0, 0], "k": 0}),
        json!({"field": "embedding", "vector": [1, 0, 0], "metric": "x"}),
        json!({"field": "embedding"}),
    ] {
        let body = json!({"nearest": odd});
        server.visitor().post(&query("items")).json(&body).problem(400, "bad_parameter").await;
    }
    server.visitor().get(&documents("items")).query(&[("nearest", "x")]).problem(400, "unknown_parameter").await;
}

async fn vectors_change_with_their_documents_and_may_come_later(server: TestServer) {
    server.define("items", &json!({"rules": {"read": "true"}})).await;
    for (id, embedding) in [("a", json!([1, 0, 0])), ("b", json!([0, 1, 0])), ("odd", json!("text"))] {
        create(server.service(), "items", json!({"id": id, "embedding": embedding})).await;
    }
    define(&server, "true").await;
    built(&server, "items").await;
    let ids = async || {
        server.visitor().post(&query("items")).json(&nearest(&json!([1, 0, 0]), 2)).expect(200).await.column("id")
    };
    assert_eq!(ids().await, ["a", "b"]);
    let service = server.service();
    service.patch(&document("items", "a")).json(&json!({"embedding": [-1, 0, 0]})).expect(200).await;
    assert_eq!(ids().await, ["b", "a"]);
    service.patch(&document("items", "b")).json(&json!({"embedding": null})).expect(200).await;
    assert_eq!(ids().await, ["a"]);
    service.delete(&document("items", "a")).expect(204).await;
    assert!(ids().await.is_empty());
}

async fn many_vectors_are_ordered_exactly(server: TestServer) {
    server.define("items", &json!({"rules": {"read": "true"}, "vectors": {"embedding": 8}})).await;
    let mut seed = 3_u32;
    let mut draw = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 16) / 65_536.0 - 0.5
    };
    let mut vectors: Vec<Vec<f64>> = (0..600).map(|_| (0..8).map(|_| draw()).collect()).collect();
    for (at, chunk) in vectors.chunks(300).enumerate() {
        let operation = |(n, vector): (usize, &Vec<f64>)| {
            let id = format!("v{:03}", at * 300 + n);
            json!({"op": "create", "collection": "items", "id": id, "data": {"embedding": vector}})
        };
        let operations: Vec<Value> = chunk.iter().enumerate().map(operation).collect();
        server.service().post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    }
    let wanted = vectors[17].clone();
    let cosine = |other: &[f64]| {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        1.0 - dot(&wanted, other) / (dot(&wanted, &wanted) * dot(other, other)).sqrt()
    };
    let mut expected: Vec<(f64, String)> =
        vectors.drain(..).enumerate().map(|(n, vector)| (cosine(&vector), format!("v{n:03}"))).collect();
    expected.sort_by(|a, b| a.0.total_cmp(&b.0));
    let answer = server.visitor().post(&query("items")).json(&nearest(&json!(wanted), 50)).expect(200).await;
    let expected: Vec<Value> = expected.into_iter().take(50).map(|(_, id)| id.into()).collect();
    assert_eq!(answer.column("id"), expected);
}
