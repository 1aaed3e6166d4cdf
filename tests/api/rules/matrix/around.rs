//! The paths on which documents are seen from elsewhere, or as what they were.

use std::collections::BTreeSet;

use basalt_testing::{Client, Lines};
use serde_json::{Value, json};

use super::reads::{Ids, ids, page};
use super::world::{COLLECTION, HUB, HUBS, LINKS, WORD, World};
use crate::support::{aggregate, document, documents, query};

pub(super) async fn by_search(client: &Client) -> Ids {
    let answer = client.post(&query(COLLECTION)).json(&json!({"search": WORD, "limit": 500, "count": "exact"}));
    let Some(page) = page(answer.send().await) else { return Ids::new() };
    let total = page.at("/total").as_u64();
    for item in page.items() {
        assert!(item["highlight"]["words"].as_str().is_some_and(|text| text.contains("<mark>")), "{item}");
    }
    let seen = ids(page);
    assert_eq!(total, Some(seen.len() as u64));
    seen
}

/// Each document by a word that it alone holds.
pub(super) async fn by_single_search(client: &Client, world: &World) -> Ids {
    let mut seen = Ids::new();
    for n in 0..world.documents.len() {
        let search = format!("number{n}");
        seen.extend(ids(client.get(&documents(COLLECTION)).query(&[("search", &search)]).send().await));
    }
    seen
}

/// What is shown of what a document leads to, as one or in lists.
fn expanded(documents: &[Value], name: &str) -> Ids {
    let shown = documents.iter().flat_map(|document| match &document["expand"][name] {
        Value::Array(several) => several.clone(),
        one => vec![one.clone()],
    });
    shown.filter_map(|document| document["id"].as_str().map(str::to_owned)).collect()
}

pub(super) async fn by_reference(client: &Client) -> Ids {
    let page = client.get(&documents(LINKS)).query(&[("expand", "to")]).expect(200).await;
    let selected = client.get(&documents(LINKS)).query(&[("select", "to.title")]).expect(200).await;
    let seen = expanded(&page.items(), "to");
    assert_eq!(seen, expanded(&selected.items(), "to"), "by expand and by select");
    seen
}

/// Each link leads to all of them; what isn't readable leaves no gap.
pub(super) async fn by_references(client: &Client, world: &World) -> Ids {
    let (first, _) = &world.documents[0];
    let link = client.get(&document(LINKS, first)).query(&[("expand", "all")]).expect(200).await.body();
    let seen = expanded(std::slice::from_ref(&link), "all");
    assert_eq!(link["expand"]["all"].as_array().map(Vec::len), Some(seen.len()), "{link}");
    seen
}

pub(super) async fn by_way_back(client: &Client) -> Ids {
    let hub = client.get(&document(HUBS, HUB)).query(&[("expand", "back")]).expect(200).await.body();
    expanded(&[hub], "back")
}

pub(super) async fn by_live_expansion(client: &Client, world: &World) -> Ids {
    let mut socket = client.socket().await;
    socket.send(&json!({"type": "subscribe", "id": "s", "collection": LINKS, "expand": "to"})).await;
    let frame = socket.next().await;
    let links = frame["docs"].as_array().unwrap_or_else(|| panic!("{frame}"));
    assert_eq!(links.len(), world.documents.len(), "{frame}");
    expanded(links, "to")
}

pub(super) async fn by_history(client: &Client, world: &World) -> Ids {
    let mut seen = Ids::new();
    for (id, _) in &world.documents {
        let answer = client.get(&format!("{}/history", document(COLLECTION, id))).query(&[("limit", "1")]).send().await;
        assert!([200, 403, 404].contains(&answer.status), "{answer}");
        if answer.status == 200 {
            assert_eq!(answer.at("/items/0/document/id"), json!(id), "{answer}");
            seen.insert(id.clone());
        }
    }
    seen
}

pub(super) async fn by_spans(client: &Client) -> Ids {
    let span = json!({"field": "createdAt", "bucket": "month", "timezone": "Asia/Shanghai", "as": "month"});
    let body = json!({"groupBy": ["id", span], "measures": {"n": {"count": true}}, "having": "n == 1", "limit": 500});
    ids(client.post(&aggregate(COLLECTION)).json(&body).send().await)
}

pub(super) async fn by_export(client: &Client, parameters: &[(&str, &str)]) -> Ids {
    let path = format!("/v1/collections/{COLLECTION}/export");
    let Some(exported) = page(client.get(&path).query(parameters).send().await) else { return Ids::new() };
    let text = exported.text();
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    lines.filter_map(|document: Value| document["id"].as_str().map(str::to_owned)).collect()
}

/// Whether the feed of changes was refused, for the right reason.
fn is_refused(status: u16) -> bool {
    assert!([200, 401, 403].contains(&status), "{status}");
    status != 200
}

/// The oldest changes are those that made the documents.
pub(super) async fn by_feed(client: &Client) -> Ids {
    let path = format!("/v1/changes?since=0&collection={COLLECTION}&limit=8");
    let answer = client.get(&path).send().await;
    if is_refused(answer.status) { Ids::new() } else { ids(answer) }
}

pub(super) async fn by_feed_stream(client: &Client, world: &World) -> Ids {
    let path = format!("/v1/changes?since=0&collection={COLLECTION}");
    let call = || client.get(&path).header("accept", "text/event-stream");
    let response = call().stream().await;
    if is_refused(response.status().as_u16()) {
        return Ids::new();
    }
    let mut lines: Lines = call().open(200).await;
    let mut seen = BTreeSet::new();
    while seen.len() < world.documents.len() {
        let (_, change) = lines.event().await.expect("a stream").expect("that goes on");
        seen.insert(change["id"].as_str().expect("an id").to_owned());
    }
    seen
}
