//! Results with a sort and a limit: whatever is written, a client that applies the frames holds what a query answers.

use basalt_testing::{Client, TestServer, is_long, on_both_engines};
use serde_json::{Value, json};

use crate::support::{define_open, document, documents, query};

on_both_engines!(
    after_each_write_a_client_holds_what_a_query_answers,
    a_window_that_runs_out_is_filled_again,
    long_texts_and_odd_types_are_ordered_as_the_database_does,
);

/// Random numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn write(client: &Client, dice: &mut Dice) {
    let id = format!("d{}", dice.roll(40));
    let value = |dice: &mut Dice| match dice.roll(6) {
        0 => Value::Null,
        1 => json!(format!("t{}", dice.roll(5))),
        2 => json!(dice.roll(2) == 0),
        _ => json!(dice.roll(12)),
    };
    match dice.roll(10) {
        0..4 => {
            let body = json!({"n": value(dice), "m": dice.roll(4), "open": dice.roll(4) > 0});
            client.put(&document("open", &id)).json(&body).send().await;
        }
        4..7 => {
            let patch = json!({"n": value(dice), "open": dice.roll(4) > 0});
            client.patch(&document("open", &id)).json(&patch).send().await;
        }
        7..9 => {
            client.delete(&document("open", &id)).send().await;
        }
        _ => {
            let operations: Vec<Value> = (0..4)
                .map(|_| {
                    let (id, body) = (format!("d{}", dice.roll(40)), json!({"n": dice.roll(12), "m": 1, "open": true}));
                    json!({"op": "patch", "collection": "open", "id": id, "patch": body, "upsert": true})
                })
                .collect();
            client.post("/v1/transactions").json(&json!({"operations": operations})).send().await;
        }
    }
}

async fn after_each_write_a_client_holds_what_a_query_answers(server: TestServer) {
    define_open(&server).await;
    let client = server.service().clone();
    let wishes = [
        json!({"filter": "open == true", "sort": "-n,m", "limit": 5}),
        json!({"sort": "n", "limit": 3}),
        json!({"filter": "n > 3 || m == 1", "sort": "m,-n"}),
        json!({"filter": "open", "select": "n", "sort": "-n", "limit": 7}),
    ];
    let mut socket = client.socket().await;
    let mut lists = Vec::new();
    for (n, wish) in wishes.iter().enumerate() {
        let mut subscription = wish.clone();
        subscription["id"] = format!("s{n}").into();
        subscription["collection"] = "open".into();
        lists.push(socket.subscribe(subscription).await);
    }
    let mut dice = Dice(11);
    for _ in 0..if is_long() { 2_000 } else { 150 } {
        write(&client, &mut dice).await;
        for (n, wish) in wishes.iter().enumerate() {
            let mut asked = wish.clone();
            asked["limit"] = wish.get("limit").cloned().unwrap_or_else(|| json!(500));
            let wanted = client.post(&query("open")).json(&asked).expect(200).await.items();
            until(&mut socket, &mut lists, n, &wanted).await;
        }
    }
}

/// Frames of the other subscriptions are applied, too. Where fields were chosen, the revision alone may be older.
async fn until(socket: &mut basalt_testing::Socket, lists: &mut [basalt_testing::List], n: usize, wanted: &[Value]) {
    let bare = |docs: &[Value]| -> Vec<Value> {
        let is_narrow = docs.first().is_some_and(|doc| doc.get("createdAt").is_none());
        let strip = |doc: &Value| {
            let mut doc = doc.clone();
            if is_narrow {
                doc.as_object_mut().unwrap().remove("rev");
            }
            doc
        };
        docs.iter().map(strip).collect()
    };
    while bare(&lists[n].docs) != bare(wanted) {
        let frame = socket.next().await;
        for list in lists.iter_mut() {
            list.apply(&frame);
        }
    }
}

async fn a_window_that_runs_out_is_filled_again(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    let operations: Vec<Value> = (0..300)
        .map(|n| json!({"op": "create", "collection": "open", "id": format!("d{n:03}"), "data": {"n": n}}))
        .collect();
    service.post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    let mut socket = service.socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "open", "sort": "n", "limit": 10})).await;
    let operations: Vec<Value> =
        (0..250).map(|n| json!({"op": "delete", "collection": "open", "id": format!("d{n:03}")})).collect();
    for some in operations.chunks(25) {
        service.post("/v1/transactions").json(&json!({"operations": some})).expect(200).await;
    }
    let asked = json!({"sort": "n", "limit": 10});
    let wanted = service.post(&query("open")).json(&asked).expect(200).await.items();
    socket.until(&mut list, &wanted).await;
    assert_eq!(list.ids()[0], "d250");
}

async fn long_texts_and_odd_types_are_ordered_as_the_database_does(server: TestServer) {
    define_open(&server).await;
    let definition = json!({
        "rules": {"read": "true", "write": "true"}, "acknowledge": ["create", "update", "delete"],
        "indexes": [{"fields": ["t"]}],
    });
    server.define("indexed", &definition).await;
    server.rooms().store.indexes_built().await.unwrap();
    let visitor = server.visitor();
    let long = "x".repeat(256);
    let values = [
        json!(format!("{long}b")),
        json!(format!("{long}a")),
        json!(long),
        json!("é"),
        json!("e"),
        json!("Z"),
        json!(null),
        json!(true),
        json!(1e300),
        json!(9_007_199_254_740_993_i64),
        json!([1]),
        json!({"a": 1}),
        json!("\u{10000}"),
        json!("\u{ffff}"),
    ];
    for collection in ["open", "indexed"] {
        let mut socket = visitor.socket().await;
        for sort in ["t", "-t"] {
            let subscription = json!({"id": sort, "collection": collection, "sort": sort});
            let mut list = socket.subscribe(subscription).await;
            for value in &values {
                visitor.post(&documents(collection)).json(&json!({"t": value})).expect(201).await;
            }
            visitor.post(&documents(collection)).json(&json!({})).expect(201).await;
            let wanted =
                visitor.post(&query(collection)).json(&json!({"sort": sort, "limit": 500})).expect(200).await.items();
            socket.until(&mut list, &wanted).await;
        }
    }
}
