//! How a list is served, for those whom no rule is asked of.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{built, documents, query};

on_both_engines! {
    a_service_sees_the_plan_and_the_index_that_would_help,
    searches_distances_and_vectors_are_told_with_their_index,
    fields_that_a_rule_compares_have_indexes_by_themselves,
    users_and_visitors_see_no_plan,
}

async fn define(server: &TestServer) {
    let definition = json!({
        "rules": {"read": "auth.id == doc.owner || auth.id in doc.members"},
        "indexes": [{"fields": ["status", "-createdAt"]}],
    });
    server.define("tasks", &definition).await;
}

async fn a_service_sees_the_plan_and_the_index_that_would_help(server: TestServer) {
    define(&server).await;
    let ask = |filter: &str, sort: &str| {
        let body = json!({"filter": filter, "sort": sort, "explain": true});
        server.service().post(&query("tasks")).json(&body)
    };
    let answer = ask("status == 'open'", "-createdAt").expect(200).await;
    let index = json!({"fields": ["status", "-createdAt"]});
    assert_eq!(
        answer.body(),
        json!({"plan": {"branches": [{"access": "index", "index": index, "ordered": true, "unindexed": []}]}, "suggestions": []})
    );
    let answer = ask("kind == 'a' || id == 'x'", "-createdAt").expect(200).await;
    assert_eq!(answer.at("/plan/branches/0"), json!({"access": "scan", "ordered": false, "unindexed": ["kind"]}));
    assert_eq!(answer.at("/plan/branches/1/access"), "primaryKey");
    assert_eq!(answer.at("/suggestions"), json!([{"fields": ["kind", "-createdAt"]}]));
    let answer = ask("'a' in tags", "").expect(200).await;
    assert_eq!(answer.at("/suggestions"), json!([{"contains": "tags"}]));
    // What is suggested helps.
    let definition = json!({"indexes": [{"fields": ["kind", "-createdAt"]}]});
    server.define("tasks", &definition).await;
    built(&server, "tasks").await;
    assert_eq!(ask("kind == 'a'", "-createdAt").expect(200).await.at("/plan/branches/0/ordered"), true);
    ask("kind ==", "").problem(400, "bad_filter").await;
    let narrow = server.key(&["documents:read:other"]).await;
    narrow.post(&query("tasks")).json(&json!({"explain": true})).problem(403, "scope_missing").await;
}

async fn searches_distances_and_vectors_are_told_with_their_index(server: TestServer) {
    let definition = json!({
        "search": ["title", "text"], "vectors": {"embedding": 2},
        "indexes": [{"geo": "place"}, {"fields": ["rank"]}],
    });
    server.define("shops", &definition).await;
    let ask = |body: Value| {
        let mut body = body;
        body["explain"] = json!(true);
        server.service().post(&query("shops")).json(&body)
    };
    let words = json!({"search": ["title", "text"]});
    let hits = json!({"access": "index", "index": words, "ordered": false, "unindexed": []});
    let found = ask(json!({"search": "red", "filter": "kind == 'a'"})).expect(200).await;
    assert_eq!(found.body(), json!({"plan": {"branches": [hits], "search": words}, "suggestions": []}));
    let ranked = ask(json!({"search": "red", "sort": "rank"})).expect(200).await;
    assert_eq!(ranked.at("/plan/search"), words);
    assert_eq!(ranked.at("/plan/branches/0/index"), json!({"fields": ["rank"]}));
    let near = ask(json!({"sort": "distance(place,1,1)"})).expect(200).await;
    assert_eq!(near.at("/plan/branches/0/index"), json!({"geo": "place"}));
    assert_eq!(near.at("/plan/branches/0/ordered"), true);
    let nearest = |field: &str| json!({"nearest": {"field": field, "vector": [1, 2]}, "filter": "rank > 3"});
    let measured = ask(nearest("embedding")).expect(200).await;
    assert_eq!(measured.at("/plan/nearest"), json!({"vector": "embedding"}));
    assert_eq!(measured.at("/plan/branches/0/index"), json!({"fields": ["rank"]}));
    ask(nearest("nothing")).problem(400, "bad_parameter").await;
    ask(json!({"search": "…"})).problem(400, "bad_parameter").await;
}

async fn fields_that_a_rule_compares_have_indexes_by_themselves(server: TestServer) {
    define(&server).await;
    let url = server.service().get(&documents("tasks"));
    let answer = url.query(&[("filter", "owner == 'u' || 'u' in members"), ("explain", "true")]).expect(200).await;
    let indexes: Vec<Value> = (0..2).map(|n| answer.at(&format!("/plan/branches/{n}/index"))).collect();
    assert_eq!(indexes, [json!({"fields": ["owner"]}), json!({"contains": "members"})]);
}

async fn users_and_visitors_see_no_plan(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    ann.post(&query("tasks")).json(&json!({"explain": true})).problem(403, "forbidden").await;
    server.visitor().get(&documents("tasks")).query(&[("explain", "true")]).problem(403, "forbidden").await;
}
