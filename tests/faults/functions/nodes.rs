//! Two nodes on one PostgreSQL: what is deployed on one is there on the other; ticks and events come to one of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use basalt_testing::{Answer, Client, is_long};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::{all, call, define, deploy, eventually, invoke, module};
use crate::support::{self, A_SECOND, Nodes};

async fn start(collections: &[&str]) -> Nodes {
    let nodes = Nodes::start();
    for collection in collections {
        define(&nodes.services[0], collection).await;
    }
    nodes
}

/// Until a node answers as wanted.
async fn within_a_second(client: &Client, name: &str, wanted: &Value) {
    let as_wanted = |answer: &Answer| answer.status == 200 && answer.body() == *wanted;
    support::within_a_second(|| call(client, name, &json!({})), as_wanted).await;
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

/// Both deploy a version of their own at the same time, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_deploys_raced_by_both_one_is_live_on_both() {
    let nodes = start(&[]).await;
    let rounds = if is_long() { 200 } else { 20 };
    let mut made = BTreeSet::new();
    for round in 0..rounds {
        let deploys = nodes.services.iter().enumerate().map(|(node, service)| {
            let source = format!("export const one = callable(async () => \"{round}-{node}\");");
            service.post("/v1/admin/functions/deploy").json(&module(&source)).send()
        });
        let answers = join_all(deploys).await;
        assert!(answers.iter().any(|answer| answer.status == 200), "{answers:?}");
        for answer in answers {
            // Who was in the other's way is told so.
            assert!([200, 409].contains(&answer.status), "{answer}");
            if answer.status == 200 {
                let version = answer.at("/plan/0/version").as_u64();
                assert!(made.insert(version), "a number that was taken: {answer}");
            }
        }
        let live = live_on_both(&nodes).await;
        assert!(live.starts_with(&format!("{round}-")), "{live} is live after round {round}");
    }
    let [here, there] = &nodes.services;
    let versions = here.get("/v1/admin/functions/one/versions").expect(200).await;
    assert_eq!(there.get("/v1/admin/functions/one/versions").expect(200).await.items(), versions.items());
    let numbers = versions.column("version");
    let distinct: BTreeSet<Option<u64>> = numbers.iter().map(Value::as_u64).collect();
    assert_eq!(distinct.len(), numbers.len(), "each has a number of its own: {versions}");
    assert!(distinct.is_subset(&made), "nobody made these: {versions}");
}

/// What both nodes call, once that and the version that is live are the same on both.
async fn live_on_both(nodes: &Nodes) -> String {
    let begin = Instant::now();
    loop {
        let told = nodes.services.each_ref().map(|service| async move {
            let live = service.get("/v1/admin/functions/one/aliases/live").expect(200).await.at("/versions/0/version");
            (live, invoke(service, "one", json!({})).await)
        });
        let told = join_all(told).await;
        if let [(live, called), other] = told.as_slice()
            && *other == (live.clone(), called.clone())
        {
            let version = nodes.services[0].get(&format!("/v1/admin/functions/one/versions/{live}")).expect(200).await;
            assert!(
                version.text_at("/sources/functions~1main.ts").contains(&called.to_string()),
                "{called}: {version}"
            );
            return called.as_str().unwrap_or_default().to_owned();
        }
        assert!(begin.elapsed() < A_SECOND, "after a second still: {told:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_on_one_holds_on_the_other() {
    let nodes = start(&[]).await;
    for n in 1..=3 {
        deploy(&nodes.services[0], &format!("export const one = callable(async () => {n});")).await;
    }
    within_a_second(&nodes.services[1], "one", &json!(3)).await;
    // To go back again is to go forth.
    for (by, body, wanted) in [(1, json!({}), 2), (0, json!({}), 3), (1, json!({"version": 1}), 1)] {
        nodes.services[by].post("/v1/admin/functions/one/rollback").json(&body).expect(200).await;
        assert_eq!(invoke(&nodes.services[by], "one", json!({})).await, wanted);
        within_a_second(&nodes.services[1 - by], "one", &json!(wanted)).await;
    }
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

/// By the real clock, where a tick takes a minute to come: for `make test-long`. Nodes by a clock that needn't be waited for
/// are in tests/api/functions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticks_run_once_each_and_go_on_when_a_node_dies() {
    if !is_long() {
        return;
    }
    let mut nodes = start(&["ticks"]).await;
    let source = r#"
        export const each = onSchedule("* * * * *", { overlap: "allow" }, async (event: any, ctx) => {
            await ctx.asService().db.collection("ticks").create({ key: ctx.idempotencyKey, at: event.doc.scheduledAt });
        });
    "#;
    deploy(&nodes.services[0], source).await;
    let client = nodes.services[1].clone();
    let ticks = |wanted: usize| {
        let client = client.clone();
        async move {
            eventually("ticks", || async { Some(all(&client, "ticks").await).filter(|ticks| ticks.len() >= wanted) })
                .await
        }
    };
    ticks(1).await;
    nodes.first.kill();
    let seen = ticks(2).await;
    let times: BTreeSet<&str> = seen.iter().filter_map(|tick| tick["at"].as_str()).collect();
    assert_eq!(times.len(), seen.len(), "a tick ran twice: {seen:?}");
    let runs = client.get("/v1/admin/schedules/each/runs").expect(200).await;
    assert_eq!(runs.items().len(), seen.len(), "{runs}");
    nodes.second.client().get("/health/ready").expect(200).await;
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
