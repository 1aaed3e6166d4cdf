use std::collections::BTreeSet;

use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use super::oracle::Rule;
use super::world::{Actor, COLLECTION, Pair, World};
use crate::support::{aggregate, document, documents, query};

const SHELF: &str = "shelf";

on_both_engines! {
    every_read_path_shows_exactly_what_the_rule_allows,
}

async fn every_read_path_shows_exactly_what_the_rule_allows(server: TestServer) {
    let server = server.with_app("[auth]\nanonymous = true\n").await;
    let world = World::build(&server).await;
    let mut mismatches = Vec::new();
    for (n, pair) in Pair::all().iter().enumerate() {
        pair.deploy(&server).await;
        if n == 0 {
            world.restore(&server).await;
            shelve(&server, &world).await;
        }
        for actor in &world.actors {
            let expected = visible(&world, actor, pair.read);
            for (path, seen) in seen_by(&actor.client, &world).await {
                if seen != expected {
                    let rule = pair.read.text;
                    mismatches.push(format!("{} by {path} under {rule}: {seen:?}, not {expected:?}", actor.name));
                }
            }
        }
    }
    assert!(mismatches.is_empty(), "{} mismatches:\n{}", mismatches.len(), mismatches.join("\n"));
}

fn visible(world: &World, actor: &Actor, rule: &Rule) -> BTreeSet<String> {
    let allowed = |(_, data): &&(String, _)| actor.service || rule.allows(actor.auth.as_ref(), data);
    world.documents.iter().filter(allowed).map(|(id, _)| id.clone()).collect()
}

/// What each read path shows, as ids.
async fn seen_by(client: &Client, world: &World) -> Vec<(&'static str, BTreeSet<String>)> {
    vec![
        ("get", by_get(client, world, &[]).await),
        ("get with select", by_get(client, world, &[("select", "title")]).await),
        ("list", by_list(client, &[]).await),
        ("list with filter", by_list(client, &[("filter", "true || title == 'x'")]).await),
        ("list with sort", by_list(client, &[("sort", "-level,title")]).await),
        ("list by pages", by_pages(client).await),
        ("query", ids(&client.post(&query(COLLECTION)).json(&json!({"limit": 500})).expect(200).await.items())),
        ("expand", by_expand(client, &document(SHELF, "all"), "/expand/items").await),
        ("expand in a list", by_expand(client, &documents(SHELF), "/items/0/expand/items").await),
        ("count", by_count(client, world).await),
        ("aggregate", by_aggregate(client).await),
        ("check", by_check(client, world).await),
    ]
}

/// A document that everybody reads and that refers to all others.
async fn shelve(server: &TestServer, world: &World) {
    let definition = json!({"rules": {"read": "true"}, "references": {"items": COLLECTION}});
    server.define(SHELF, &definition).await;
    let items: Vec<&String> = world.documents.iter().map(|(id, _)| id).collect();
    server.service().put(&document(SHELF, "all")).json(&json!({"items": items})).expect(201).await;
}

async fn by_expand(client: &Client, path: &str, at: &str) -> BTreeSet<String> {
    let answer = client.get(path).query(&[("expand", "items")]).expect(200).await;
    ids(answer.at(at).as_array().expect("a list"))
}

fn ids(items: &[Value]) -> BTreeSet<String> {
    items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned).collect()
}

async fn by_get(client: &Client, world: &World, parameters: &[(&str, &str)]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for (id, _) in &world.documents {
        let answer = client.get(&document(COLLECTION, id)).query(parameters).send().await;
        assert!([200, 404].contains(&answer.status), "{answer}");
        if answer.status == 200 {
            seen.insert(id.clone());
        }
    }
    seen
}

async fn by_list(client: &Client, parameters: &[(&str, &str)]) -> BTreeSet<String> {
    ids(&client.get(&documents(COLLECTION)).query(parameters).expect(200).await.items())
}

async fn by_pages(client: &Client) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let mut parameters = vec![("limit", "3"), ("sort", "level")];
        if !cursor.is_empty() {
            parameters.push(("cursor", &cursor));
        }
        let page = client.get(&documents(COLLECTION)).query(&parameters).expect(200).await;
        seen.extend(ids(&page.items()));
        match page.at("/nextCursor") {
            Value::String(next) => cursor = next,
            _ => return seen,
        }
    }
}

/// Counts each document by itself, so that the count says which.
async fn by_count(client: &Client, world: &World) -> BTreeSet<String> {
    let page = client.get(&documents(COLLECTION)).query(&[("count", "exact"), ("limit", "0")]).expect(200).await;
    let total = page.at("/total").as_u64();
    let mut seen = BTreeSet::new();
    for (id, _) in &world.documents {
        let body = json!({"filter": "id == vars.id", "vars": {"id": id}, "limit": 0, "count": "exact"});
        if client.post(&query(COLLECTION)).json(&body).expect(200).await.at("/total") == 1 {
            seen.insert(id.clone());
        }
    }
    assert_eq!(total, Some(seen.len() as u64));
    seen
}

async fn by_aggregate(client: &Client) -> BTreeSet<String> {
    let body = json!({"groupBy": ["id"], "measures": {"n": {"count": true}}, "limit": 500});
    ids(&client.post(&aggregate(COLLECTION)).json(&body).expect(200).await.items())
}

async fn by_check(client: &Client, world: &World) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for (id, _) in &world.documents {
        let check = json!({"op": "check", "collection": COLLECTION, "id": id, "exists": true, "where": "true"});
        let answer = client.post("/v1/transactions").json(&json!({"operations": [check]})).send().await;
        assert!([200, 401, 404, 409].contains(&answer.status), "{answer}");
        if answer.status == 200 {
            seen.insert(id.clone());
        }
    }
    seen
}
