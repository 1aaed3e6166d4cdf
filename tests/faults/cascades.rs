//! What a deletion takes along is whole in the end, whatever happens meanwhile; what is over goes by itself.

use basalt_testing::{Client, Engine, Process, eventually};
use serde_json::{Value, json};

use crate::support::life_of;

const ROUNDS: usize = 4;
const BOOKS: usize = 150;

async fn define(client: &Client) {
    let to = |to: &str, on_delete: &str| json!({"to": to, "onDelete": on_delete});
    for (name, references) in [
        ("authors", json!({})),
        ("books", json!({"author": to("authors", "cascade")})),
        ("pages", json!({"book": to("books", "cascade")})),
        ("shelves", json!({"first": to("books", "clear")})),
    ] {
        let path = format!("/v1/admin/collections/{name}");
        client.put(&path).json(&json!({"references": references})).expect(200).await;
    }
}

async fn import(client: &Client, collection: &str, documents: impl Iterator<Item = Value>) {
    let lines: Vec<String> = documents.map(|document| format!("{document}\n")).collect();
    let path = format!("/v1/collections/{collection}/import");
    let done = client.post(&path).body("application/x-ndjson", lines.concat()).expect(200).await;
    assert_eq!(done.at("/created"), lines.len(), "{done}");
}

/// An author with books of two pages each, and shelves that name a book.
async fn fill(client: &Client, author: &str) {
    import(client, "authors", [json!({"id": author})].into_iter()).await;
    let book = |n: usize| format!("{author}-{n}");
    import(client, "books", (0..BOOKS).map(|n| json!({"id": book(n), "author": author}))).await;
    import(client, "pages", (0..2 * BOOKS).map(|n| json!({"id": format!("{author}-p{n}"), "book": book(n / 2)}))).await;
    import(client, "shelves", (0..BOOKS).map(|n| json!({"id": book(n), "first": book(n), "kept": n}))).await;
}

async fn count(client: &Client, collection: &str, filter: &str) -> u64 {
    let body = json!({"filter": filter, "count": "exact", "limit": 0});
    let path = format!("/v1/collections/{collection}/query");
    client.post(&path).json(&body).expect(200).await.at("/total").as_u64().expect("a total")
}

async fn left(client: &Client) -> [u64; 3] {
    [
        count(client, "books", "true").await,
        count(client, "pages", "true").await,
        count(client, "shelves", "has(doc.first)").await,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cascade_that_is_killed_is_whole_after_the_restart() {
    killed(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cascade_on_postgres_that_is_killed_is_whole_after_the_restart() {
    killed(Engine::Postgres).await;
}

/// A server for each round: what was cut short waits until the lease of the one that is gone is over, in all of them at once.
async fn killed(engine: Engine) {
    let (mut servers, mut cut_short) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let mut process = Process::start(engine, &[]);
        let client = process.service("*");
        define(&client).await;
        fill(&client, "a").await;
        client.delete("/v1/collections/authors/documents/a").expect(204).await;
        tokio::time::sleep(life_of(round)).await;
        process.kill();
        process.restart();
        cut_short += usize::from(left(&client).await != [0, 0, 0]);
        servers.push((process, client));
    }
    assert!(cut_short > 0, "every cascade was done before the kill: they are too short to show anything");
    for (_, client) in &servers {
        eventually("the rest of the cascade", || async { (left(client).await == [0, 0, 0]).then_some(()) }).await;
        assert_eq!(count(client, "shelves", "has(doc.kept)").await, BOOKS as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_goes_by_itself() {
    for engine in Engine::BOTH {
        let process = Process::start(engine, &[]);
        let client = process.service("*");
        client.put("/v1/admin/collections/codes").json(&json!({"ttl": "expiresAt"})).expect(200).await;
        let lines = (0..700).map(|n| json!({"id": format!("c{n}"), "expiresAt": "2020-01-01T00:00:00Z"}));
        import(&client, "codes", lines.chain([json!({"id": "later", "expiresAt": "2999-01-01T00:00:00Z"})])).await;
        eventually("a sweep", || async { (count(&client, "codes", "true").await == 1).then_some(()) }).await;
        client.get("/v1/collections/codes/documents/later").expect(200).await;
    }
}
