//! The paths of reading. A new one (search, export, …) is one more entry of [`PATHS`].

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use basalt_testing::{Answer, Client, TestServer, on_both_engines};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::around;
use super::oracle::Bound;
use super::world::{Actor, COLLECTION, Ruled, WORD, World};
use crate::support::{aggregate, document, documents, query};

on_both_engines! {
    every_read_path_shows_exactly_what_the_rule_allows,
}

/// Which rule a path has to ask.
#[derive(Clone, Copy)]
enum Asks {
    Get,
    List,
    /// The get rule, within a write: without the right to write nobody comes so far.
    GetOfWriters,
    /// None: the feed of changes is for keys that name it.
    Feed,
}

/// One way to see documents.
struct ReadPath {
    name: &'static str,
    asks: Asks,
    /// The ids of what a caller sees on it; who lacks the right to read the collection sees nothing.
    seen: for<'a> fn(&'a Client, &'a World) -> Seen<'a>,
}

type Seen<'a> = Pin<Box<dyn Future<Output = Ids> + 'a>>;
pub(super) type Ids = BTreeSet<String>;

const PATHS: &[ReadPath] = &[
    ReadPath { name: "get", asks: Asks::Get, seen: |client, world| Box::pin(by_get(client, world, Method::GET, &[])) },
    ReadPath {
        name: "get with select",
        asks: Asks::Get,
        seen: |client, world| Box::pin(by_get(client, world, Method::GET, &[("select", "title")])),
    },
    ReadPath {
        name: "head",
        asks: Asks::Get,
        seen: |client, world| Box::pin(by_get(client, world, Method::HEAD, &[])),
    },
    ReadPath {
        name: "check that it is there",
        asks: Asks::Get,
        seen: |client, world| Box::pin(by_presence(client, world)),
    },
    ReadPath {
        name: "check that it isn't",
        asks: Asks::Get,
        seen: |client, world| Box::pin(by_absence(client, world)),
    },
    ReadPath { name: "where", asks: Asks::GetOfWriters, seen: |client, world| Box::pin(by_condition(client, world)) },
    ReadPath { name: "list", asks: Asks::List, seen: |client, _| Box::pin(by_list(client, &[])) },
    ReadPath {
        name: "list with filter",
        asks: Asks::List,
        seen: |client, _| Box::pin(by_list(client, &[("filter", "true || title == 'x'")])),
    },
    ReadPath {
        name: "list with sort",
        asks: Asks::List,
        seen: |client, _| Box::pin(by_list(client, &[("sort", "-level,title")])),
    },
    ReadPath {
        name: "list by distance",
        asks: Asks::List,
        seen: |client, _| Box::pin(by_list(client, &[("sort", "distance(place,3,3)")])),
    },
    ReadPath {
        name: "list of what is near",
        asks: Asks::List,
        seen: |client, _| {
            Box::pin(by_list(client, &[("filter", "geo.distance(place, {'lat': 3, 'lng': 3}) < 1000000")]))
        },
    },
    ReadPath { name: "nearest vectors", asks: Asks::List, seen: |client, _| Box::pin(by_vector(client)) },
    ReadPath { name: "list by pages", asks: Asks::List, seen: |client, _| Box::pin(by_pages(client)) },
    ReadPath { name: "query", asks: Asks::List, seen: |client, _| Box::pin(by_query(client)) },
    ReadPath { name: "count", asks: Asks::List, seen: |client, world| Box::pin(by_count(client, world)) },
    ReadPath { name: "groups", asks: Asks::List, seen: |client, _| Box::pin(by_groups(client, "n > 0")) },
    ReadPath { name: "groups of all", asks: Asks::List, seen: |client, _| Box::pin(by_groups(client, "true")) },
    ReadPath { name: "live query", asks: Asks::List, seen: |client, _| Box::pin(by_live_query(client)) },
    ReadPath { name: "live changes", asks: Asks::List, seen: |client, world| Box::pin(by_live_changes(client, world)) },
    ReadPath {
        name: "live document",
        asks: Asks::Get,
        seen: |client, world| Box::pin(by_live_document(client, world)),
    },
    ReadPath { name: "event stream", asks: Asks::List, seen: |client, _| Box::pin(by_event_stream(client)) },
    ReadPath {
        name: "live query through references",
        asks: Asks::Get,
        seen: |client, world| Box::pin(around::by_live_expansion(client, world)),
    },
    ReadPath { name: "search", asks: Asks::List, seen: |client, _| Box::pin(around::by_search(client)) },
    ReadPath {
        name: "search for one",
        asks: Asks::List,
        seen: |client, world| Box::pin(around::by_single_search(client, world)),
    },
    ReadPath {
        name: "search in another order",
        asks: Asks::List,
        seen: |client, _| Box::pin(by_list(client, &[("search", WORD), ("sort", "distance(place,3,3)")])),
    },
    ReadPath { name: "reference", asks: Asks::Get, seen: |client, _| Box::pin(around::by_reference(client)) },
    ReadPath {
        name: "references of a list",
        asks: Asks::Get,
        seen: |client, world| Box::pin(around::by_references(client, world)),
    },
    ReadPath { name: "way back", asks: Asks::List, seen: |client, _| Box::pin(around::by_way_back(client)) },
    ReadPath { name: "history", asks: Asks::Get, seen: |client, world| Box::pin(around::by_history(client, world)) },
    ReadPath { name: "spans of time", asks: Asks::List, seen: |client, _| Box::pin(around::by_spans(client)) },
    ReadPath { name: "export", asks: Asks::List, seen: |client, _| Box::pin(around::by_export(client, &[])) },
    ReadPath {
        name: "export with filter",
        asks: Asks::List,
        seen: |client, _| Box::pin(around::by_export(client, &[("filter", "true || title == 'x'")])),
    },
    ReadPath { name: "feed of changes", asks: Asks::Feed, seen: |client, _| Box::pin(around::by_feed(client)) },
    ReadPath {
        name: "stream of changes",
        asks: Asks::Feed,
        seen: |client, world| Box::pin(around::by_feed_stream(client, world)),
    },
    ReadPath { name: "measures", asks: Asks::List, seen: |client, world| Box::pin(by_measures(client, world)) },
];

async fn every_read_path_shows_exactly_what_the_rule_allows(server: TestServer) {
    let server = server.with_app("[auth]\nanonymous = true\n").await;
    let world = World::build(&server).await;
    let mut mismatches = Vec::new();
    for (n, ruled) in Ruled::all().iter().enumerate() {
        ruled.deploy(&server).await;
        if n == 0 {
            world.restore(&server).await;
            world.surround(&server).await;
        }
        for actor in &world.actors {
            for path in PATHS {
                let visible = world.documents.iter().filter(|(_, data)| is_visible(path.asks, ruled, actor, data));
                let expected: Ids = visible.map(|(id, _)| id.clone()).collect();
                let seen = (path.seen)(&actor.client, &world).await;
                if seen != expected {
                    let (name, path, get, list) = (actor.name, path.name, ruled.get.text, ruled.list.text);
                    mismatches
                        .push(format!("{name} by {path} under get {get}, list {list}: {seen:?}, not {expected:?}"));
                }
            }
        }
    }
    let shown = mismatches.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(mismatches.is_empty(), "{} mismatches:\n{shown}", mismatches.len());
}

/// Whether the caller is to see a document on a path.
fn is_visible(asks: Asks, ruled: &Ruled, actor: &Actor, document: &Map<String, Value>) -> bool {
    match asks {
        Asks::GetOfWriters if matches!(actor.bound, Bound::ByRights { writes: false, .. }) => false,
        Asks::Get | Asks::GetOfWriters => actor.sees(ruled.get, document),
        Asks::List => actor.sees(ruled.list, document),
        Asks::Feed => actor.follows,
    }
}

/// The page of a call, empty for whom his scopes keep out.
pub(super) fn page(answer: Answer) -> Option<Answer> {
    match answer.code().as_deref() {
        Some("scope_missing") => None,
        _ => Some(answer.expect(200)),
    }
}

pub(super) fn ids(answer: Answer) -> Ids {
    let items = page(answer).map(|page| page.items()).unwrap_or_default();
    items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned).collect()
}

async fn by_get(client: &Client, world: &World, method: Method, parameters: &[(&str, &str)]) -> Ids {
    let mut seen = Ids::new();
    for (id, _) in &world.documents {
        let answer = client.call(method.clone(), &document(COLLECTION, id)).query(parameters).send().await;
        assert!([200, 403, 404].contains(&answer.status), "{answer}");
        if answer.status == 200 {
            seen.insert(id.clone());
        }
    }
    seen
}

async fn by_list(client: &Client, parameters: &[(&str, &str)]) -> Ids {
    ids(client.get(&documents(COLLECTION)).query(parameters).send().await)
}

async fn by_query(client: &Client) -> Ids {
    ids(client.post(&query(COLLECTION)).json(&json!({"limit": 500})).send().await)
}

async fn by_pages(client: &Client) -> Ids {
    let mut seen = Ids::new();
    let mut cursor = String::new();
    loop {
        let mut parameters = vec![("limit", "3"), ("sort", "level")];
        if !cursor.is_empty() {
            parameters.push(("cursor", &cursor));
        }
        let answer = client.get(&documents(COLLECTION)).query(&parameters).send().await;
        let Some(page) = page(answer) else { return seen };
        let next = page.at("/nextCursor");
        seen.extend(ids(page));
        match next {
            Value::String(next) => cursor = next,
            _ => return seen,
        }
    }
}

/// Counts each document by itself, so that the count says which.
async fn by_count(client: &Client, world: &World) -> Ids {
    let answer = client.get(&documents(COLLECTION)).query(&[("count", "exact"), ("limit", "0")]).send().await;
    let Some(all) = page(answer) else { return Ids::new() };
    let mut seen = Ids::new();
    for (id, _) in &world.documents {
        let body = json!({"filter": "id == vars.id", "vars": {"id": id}, "limit": 0, "count": "exact"});
        if client.post(&query(COLLECTION)).json(&body).expect(200).await.at("/total") == 1 {
            seen.insert(id.clone());
        }
    }
    assert_eq!(all.at("/total").as_u64(), Some(seen.len() as u64));
    seen
}

async fn by_vector(client: &Client) -> Ids {
    let nearest = json!({"field": "vector", "vector": [1, 3], "k": 500});
    ids(client.post(&query(COLLECTION)).json(&json!({"nearest": nearest})).send().await)
}

async fn by_groups(client: &Client, having: &str) -> Ids {
    let body = json!({"groupBy": ["id"], "measures": {"n": {"count": true}}, "having": having, "limit": 500});
    ids(client.post(&aggregate(COLLECTION)).json(&body).send().await)
}

/// Measures each document by itself, without groups; a measure of all of them has to agree.
async fn by_measures(client: &Client, world: &World) -> Ids {
    let measures = json!({"n": {"count": true}, "ids": {"countDistinct": "id"}, "last": {"max": "id"}});
    let Some(all) = page(client.post(&aggregate(COLLECTION)).json(&json!({"measures": measures})).send().await) else {
        return Ids::new();
    };
    let mut seen = Ids::new();
    for (id, _) in &world.documents {
        let body = json!({"filter": "id == vars.id", "vars": {"id": id}, "measures": measures});
        let one = client.post(&aggregate(COLLECTION)).json(&body).expect(200).await;
        if one.at("/items/0/n") == 1 {
            assert_eq!(one.at("/items/0/last"), json!(id), "{one}");
            seen.insert(id.clone());
        }
    }
    let item = json!({"n": seen.len(), "ids": seen.len(), "last": seen.last()});
    assert_eq!(all.at("/items/0"), item, "{all}");
    seen
}

/// The documents of a snapshot; none for whom his scopes keep out.
fn snapshot(frame: &Value) -> Ids {
    if frame["type"] == "error" {
        assert_eq!(frame["code"], "scope_missing", "{frame}");
        return Ids::new();
    }
    assert_eq!(frame["type"], "snapshot", "{frame}");
    frame["docs"].as_array().into_iter().flatten().filter_map(|doc| doc["id"].as_str()).map(str::to_owned).collect()
}

async fn by_live_query(client: &Client) -> Ids {
    let mut socket = client.socket().await;
    socket.send(&json!({"type": "subscribe", "id": "s", "collection": COLLECTION})).await;
    snapshot(&socket.next().await)
}

async fn by_live_document(client: &Client, world: &World) -> Ids {
    let mut socket = client.socket().await;
    let mut seen = Ids::new();
    for (id, _) in &world.documents {
        socket.send(&json!({"type": "subscribe", "id": id, "collection": COLLECTION, "document": id})).await;
        seen.extend(snapshot(&socket.next().await));
    }
    seen
}

/// Every document is written as it is, and the caller told what he may see of it.
async fn by_live_changes(client: &Client, world: &World) -> Ids {
    let is_writer = |bound| matches!(bound, Bound::ByRights { reads: true, writes: true });
    let writer = &world.actors.iter().find(|actor| is_writer(actor.bound)).expect("who may do everything").client;
    let (mut socket, mut guide) = (client.socket().await, writer.socket().await);
    socket.send(&json!({"type": "subscribe", "id": "s", "collection": COLLECTION})).await;
    snapshot(&socket.next().await);
    guide.subscribe(json!({"id": "s", "collection": COLLECTION})).await;
    // Commits are told one after the other: once the guide hears of one more, the caller was told of all before.
    for (id, _) in world.documents.iter().chain(world.documents.first()) {
        writer.patch(&document(COLLECTION, id)).json(&json!({})).expect(200).await;
        guide.next_of("change").await;
    }
    socket.send(&json!({"type": "ping"})).await;
    let mut seen = Ids::new();
    loop {
        let frame = socket.next().await;
        if frame["type"] == "pong" {
            return seen;
        }
        assert_eq!((&frame["type"], &frame["op"]), (&json!("change"), &json!("modified")), "{frame}");
        seen.extend(frame["doc"]["id"].as_str().map(str::to_owned));
    }
}

async fn by_event_stream(client: &Client) -> Ids {
    let body = json!({"subscriptions": [{"id": "s", "collection": COLLECTION}]});
    let mut response = client.post("/v1/realtime/sse").json(&body).stream().await;
    let mut text = String::new();
    while !text.contains("\n\n") {
        let chunk = response.chunk().await.expect("a stream").expect("that goes on");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("an event");
    snapshot(&serde_json::from_str(data).expect("JSON"))
}

async fn by_presence(client: &Client, world: &World) -> Ids {
    by_check(client, world, json!({"exists": true, "where": "true"}), 200).await
}

/// What is there and hidden counts as absent.
async fn by_absence(client: &Client, world: &World) -> Ids {
    by_check(client, world, json!({"exists": false}), 409).await
}

/// The documents for which a check is answered with this status.
async fn by_check(client: &Client, world: &World, check: Value, wanted: u16) -> Ids {
    let mut seen = Ids::new();
    for (id, _) in &world.documents {
        let mut operation = check.clone();
        operation["op"] = json!("check");
        operation["collection"] = json!(COLLECTION);
        operation["id"] = json!(id);
        let answer = client.post("/v1/transactions").json(&json!({"operations": [operation]})).send().await;
        assert!([200, 401, 403, 404, 409].contains(&answer.status), "{answer}");
        if answer.status == wanted {
            seen.insert(id.clone());
        }
    }
    seen
}

/// A condition that is false of every document: who sees one learns that, and nothing is written.
async fn by_condition(client: &Client, world: &World) -> Ids {
    let mut seen = Ids::new();
    for (id, _) in &world.documents {
        let call = client.delete(&document(COLLECTION, id)).query(&[("where", "has(doc.nowhere)")]);
        let answer = call.send().await;
        assert!([401, 403, 404, 409].contains(&answer.status), "{answer}");
        if answer.code().as_deref() == Some("condition_failed") {
            seen.insert(id.clone());
        }
    }
    seen
}
