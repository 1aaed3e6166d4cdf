//! Two nodes on one PostgreSQL: what is deployed on one is there on the other; ticks and events come to one of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use basalt_testing::{Client, Engine, Process, is_long};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::{all, define, deploy, eventually, invoke};

struct Nodes {
    first: Process,
    second: Process,
    /// A service on each.
    services: [Client; 2],
}

async fn start(collections: &[&str]) -> Nodes {
    let mut first = Process::prepare(Engine::Postgres, &[]);
    first.set("BASALT_PUBLIC_URL", "https://api.example.org");
    first.restart();
    let mut second = first.prepare_second_node();
    second.restart();
    let service = first.service("*");
    let services = [service.clone(), service.at(&second.base())];
    for collection in collections {
        define(&services[0], collection).await;
    }
    Nodes { first, second, services }
}

/// Until the other node answers as wanted, within a second.
async fn within_a_second(client: &Client, name: &str, wanted: &Value) {
    let begin = Instant::now();
    loop {
        let answer = client.post(&format!("/v1/functions/{name}")).json(&json!({})).send().await;
        if answer.status == 200 && answer.body() == *wanted {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(1), "after a second still: {answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deployed_on_one_runs_on_the_other() {
    let nodes = start(&[]).await;
    for n in 1..=3 {
        let by = n % 2;
        deploy(&nodes.services[by], &format!("export const one = callable(async () => {n});")).await;
        assert_eq!(invoke(&nodes.services[by], "one", json!({})).await, n);
        within_a_second(&nodes.services[1 - by], "one", &json!(n)).await;
    }
    let path = "/v1/admin/functions/one/aliases/live";
    nodes.services[0].put(path).json(&json!({"versions": [{"version": 1, "weight": 100}]})).expect(200).await;
    within_a_second(&nodes.services[1], "one", &json!(1)).await;
    nodes.services[1].put("/v1/admin/secrets/WORD").json(&json!({"value": "blue"})).send().await;
    deploy(&nodes.services[0], "export const word = callable(async (_: unknown, ctx) => ctx.secrets.WORD);").await;
    within_a_second(&nodes.services[1], "word", &json!("blue")).await;
    nodes.services[0].put("/v1/admin/secrets/WORD").json(&json!({"value": "red"})).send().await;
    within_a_second(&nodes.services[1], "word", &json!("red")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_buyers_over_both_buy_the_last_ten_once() {
    let nodes = start(&["items", "orders"]).await;
    let source = r#"
        export const buy = callable(async (input: { buyer: number }, ctx) => ctx.asService().db.transaction(async (tx: any) => {
            const item = await tx.collection("items").get("item");
            if (item.left === 0) throw new FunctionError("sold_out", "nothing is left", {}, 410);
            tx.collection("items").update("item", { left: item.left - 1 });
            tx.collection("orders").create({ buyer: input.buyer });
            return item.left;
        }));
    "#;
    deploy(&nodes.services[0], source).await;
    nodes.services[0].put("/v1/collections/items/documents/item").json(&json!({"left": 10})).expect(201).await;
    eventually("the function on the other node", || async {
        let listed = nodes.services[1].get("/v1/admin/functions/buy").send().await;
        (listed.status == 200).then_some(())
    })
    .await;
    let buyers = (0..50).map(|buyer| {
        let service = nodes.services[buyer % 2].clone();
        async move {
            // Who was in the way of others five times is told so, and comes again.
            for _ in 0..100 {
                let answer = service.post("/v1/functions/buy").json(&json!({ "buyer": buyer })).send().await;
                match answer.status {
                    200 => return true,
                    410 => return false,
                    status => assert!([409, 412, 429].contains(&status), "{answer}"),
                }
            }
            panic!("nobody is in the way a hundred times");
        }
    });
    let sold = join_all(buyers).await.into_iter().filter(|bought| *bought).count();
    assert_eq!(sold, 10);
    let orders = all(&nodes.services[1], "orders").await;
    let distinct: BTreeSet<i64> = orders.iter().filter_map(|order| order["buyer"].as_i64()).collect();
    assert_eq!((orders.len(), distinct.len()), (10, 10), "{orders:?}");
    assert_eq!(all(&nodes.services[0], "items").await[0]["left"], 0);
}

/// By the real clock: a tick comes with each minute. With a clock of their own nodes are tested in `server/app`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_runs_once_whoever_runs_it() {
    let mut nodes = start(&["ticks"]).await;
    let source = r#"
        export const each = onSchedule("* * * * *", { overlap: "allow" }, async (event: any, ctx) => {
            await ctx.asService().db.collection("ticks").create({ key: ctx.idempotencyKey, at: event.doc.scheduledAt });
        });
    "#;
    deploy(&nodes.services[0], source).await;
    let ticks = |wanted: usize| {
        let client = nodes.services[1].clone();
        async move {
            eventually("ticks", || async {
                let ticks = all(&client, "ticks").await;
                (ticks.len() >= wanted).then_some(ticks)
            })
            .await
        }
    };
    let mut seen = ticks(1).await;
    if is_long() {
        // One goes, and the other one goes on.
        nodes.first.kill();
        seen = ticks(2).await;
    }
    let times: BTreeSet<&str> = seen.iter().filter_map(|tick| tick["at"].as_str()).collect();
    assert_eq!(times.len(), seen.len(), "a tick ran twice: {seen:?}");
    let runs = nodes.services[1].get("/v1/admin/schedules/each/runs").expect(200).await;
    assert_eq!(runs.items().len(), seen.len(), "{runs}");
    assert_eq!(nodes.second.client().get("/health/ready").send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_on_when_the_node_that_read_them_dies() {
    let mut nodes = start(&["things", "handled"]).await;
    let source = r#"
        export const handle = onDocument("things", { on: ["create"] }, async (event: any, ctx) => {
            await ctx.asService().db.collection("handled").create({ of: event.doc.id, key: ctx.idempotencyKey });
        });
    "#;
    deploy(&nodes.services[0], source).await;
    let write = |client: Client, from: usize| async move {
        for n in from..from + 20 {
            client.post("/v1/collections/things/documents").json(&json!({"id": format!("d{n}")})).expect(201).await;
        }
    };
    write(nodes.services[0].clone(), 0).await;
    write(nodes.services[1].clone(), 20).await;
    let handled = |client: Client, wanted: usize| async move {
        eventually("events", || async {
            let rows = all(&client, "handled").await;
            let distinct: BTreeSet<String> = rows.iter().map(|row| row["of"].to_string()).collect();
            (distinct.len() >= wanted).then_some(rows)
        })
        .await
    };
    let rows = handled(nodes.services[1].clone(), 40).await;
    assert_eq!(rows.len(), 40, "nobody died: each came once");
    write(nodes.services[1].clone(), 40).await;
    nodes.first.kill();
    write(nodes.services[1].clone(), 60).await;
    let rows = handled(nodes.services[1].clone(), 80).await;
    let keys: BTreeSet<(String, String)> =
        rows.iter().map(|row| (row["of"].to_string(), row["key"].to_string())).collect();
    assert_eq!(keys.len(), 80, "doubles have the same id");
}
