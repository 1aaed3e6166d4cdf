//! Indexes are built beside the running server, and unique ones enforce from then on.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{built, create, documents};

on_both_engines! {
    a_unique_index_over_existing_documents_enforces_when_built,
    a_unique_index_over_conflicts_fails_and_names_them,
    an_index_on_a_list_finds_its_elements,
    answers_are_the_same_with_and_without_an_index,
}

async fn fill(server: &TestServer, count: usize) {
    let create = |n: usize| {
        let mixed = [json!(n), json!("x"), Value::Null][n % 3].clone();
        let data = json!({"n": n, "slug": format!("s{n}"), "tags": [n % 3, "all"], "mixed": mixed});
        json!({"op": "create", "collection": "items", "data": data})
    };
    for start in (0..count).step_by(500) {
        let operations: Vec<Value> = (start..count.min(start + 500)).map(create).collect();
        server.service().post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    }
}

async fn a_unique_index_over_existing_documents_enforces_when_built(server: TestServer) {
    server.define("items", &json!({})).await;
    fill(&server, 1_200).await;
    server.define("items", &json!({"indexes": [{"fields": ["slug"], "unique": true}]})).await;
    let shown = built(&server, "items").await;
    assert!(shown.to_string().contains("ready"), "{shown}");
    server.service().post(&documents("items")).json(&json!({"slug": "s7"})).problem(409, "unique_conflict").await;
    create(server.service(), "items", json!({"slug": "fresh"})).await;
}

async fn a_unique_index_over_conflicts_fails_and_names_them(server: TestServer) {
    server.define("items", &json!({})).await;
    for id in ["a", "b"] {
        create(server.service(), "items", json!({"id": id, "slug": "same"})).await;
    }
    server.define("items", &json!({"indexes": [{"fields": ["slug"], "unique": true}]})).await;
    let shown = built(&server, "items").await.to_string();
    assert!(shown.contains("failed") && (shown.contains("\"a\"") || shown.contains("\"b\"")), "{shown}");
    // It does not enforce.
    create(server.service(), "items", json!({"id": "c", "slug": "same"})).await;
    // Once the conflicts are gone, the same definition tries again.
    for id in ["b", "c"] {
        server.service().delete(&format!("{}/{id}", documents("items"))).expect(204).await;
    }
    server.define("items", &json!({"indexes": [{"fields": ["slug"], "unique": true}]})).await;
    let shown = built(&server, "items").await.to_string();
    assert!(shown.contains("ready") && !shown.contains("failed"), "{shown}");
    server.service().post(&documents("items")).json(&json!({"slug": "same"})).problem(409, "unique_conflict").await;
}

async fn an_index_on_a_list_finds_its_elements(server: TestServer) {
    server.define("items", &json!({"indexes": [{"contains": "tags"}]})).await;
    fill(&server, 60).await;
    create(server.service(), "items", json!({"tags": "all"})).await;
    built(&server, "items").await;
    let count = async |filter: &str| {
        let call =
            server.service().get(&documents("items")).query(&[("filter", filter), ("count", "exact"), ("limit", "1")]);
        call.expect(200).await.at("/total")
    };
    assert_eq!(count("'all' in tags").await, 60);
    assert_eq!(count("1 in tags").await, 20);
    assert_eq!(count("'none' in tags").await, 0);
}

async fn answers_are_the_same_with_and_without_an_index(server: TestServer) {
    server.define("items", &json!({})).await;
    fill(&server, 90).await;
    create(server.service(), "items", json!({"id": "bare"})).await;
    let asks = [
        ("mixed == 'x'", "n"),
        ("mixed > 10", "-mixed,n"),
        ("mixed == null", "-n"),
        ("mixed != 'x'", "n"),
        ("!has(doc.mixed)", "id"),
        ("mixed in [1, 'x'] || n > 80", "mixed,n"),
        ("slug.startsWith('s1')", "slug"),
        ("slug >= 's5' && slug < 's7'", "-slug"),
        ("true", "mixed,-slug,id"),
    ];
    let ask_all = async || {
        let mut answers = Vec::new();
        for (filter, sort) in asks {
            let parameters = [("filter", filter), ("sort", sort), ("limit", "100"), ("select", "id")];
            let page = server.service().get(&documents("items")).query(&parameters).expect(200).await;
            answers.push(page.column("id"));
        }
        answers
    };
    let without = ask_all().await;
    let indexes = json!({"indexes": [
        {"fields": ["mixed", "n"]}, {"fields": ["-mixed"]}, {"fields": ["slug"]}, {"fields": ["n"]}]});
    server.define("items", &indexes).await;
    built(&server, "items").await;
    assert_eq!(ask_all().await, without);
}
