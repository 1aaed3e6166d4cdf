//! Many at once: aliases that are switched under load, deploys beside each other, buyers of the last.

use basalt_testing::{TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::{admin, call, deploy, invoke, module, try_deploy};
use crate::support::{create, define_open, get};

on_both_engines! {
    an_alias_is_switched_without_a_fault,
    weights_share_the_calls,
    of_deploys_at_once_each_is_whole,
    the_last_are_sold_once,
    a_unique_task_is_one,
    what_is_rolled_back_is_back_at_once,
}

/// A version that says its number and has two exports that belong together.
fn version(n: u32) -> String {
    format!(
        "export const one = callable({{ invoke: \"true\" }}, async () => {n});\n\
         export const both = callable({{ invoke: \"true\" }}, async (_: unknown, ctx) => [{n}, await ctx.functions.invoke(\"one\", {{}})]);\n"
    )
}

async fn an_alias_is_switched_without_a_fault(server: TestServer) {
    for n in 1..=3 {
        deploy(&server, &version(n)).await;
    }
    let visitor = server.visitor();
    let path = admin("one/aliases/live");
    let switching = async {
        for round in 0..30 {
            let body = json!({"versions": [{"version": round % 3 + 1, "weight": 100}]});
            server.owner().put(&path).json(&body).expect(200).await;
            // What was switched counts for whoever asks after it was answered.
            assert_eq!(invoke(&visitor, "one", json!({})).await, round % 3 + 1);
        }
    };
    let calling = async {
        loop {
            for answer in join_all((0..8).map(|_| call(&visitor, "one", &json!({})).send())).await {
                assert_eq!(answer.status, 200, "{answer}");
                assert!((1..=3).contains(&answer.body().as_i64().unwrap_or_default()), "{answer}");
            }
        }
    };
    tokio::select! {
        () = switching => {}
        () = calling => {}
    }
}

async fn weights_share_the_calls(server: TestServer) {
    for n in 1..=2 {
        deploy(&server, &version(n)).await;
    }
    let visitor = server.visitor();
    let body = json!({"versions": [{"version": 1, "weight": 80}, {"version": 2, "weight": 20}]});
    server.owner().put(&admin("one/aliases/live")).json(&body).expect(200).await;
    let mut second = 0;
    for _ in 0..300 {
        second += u32::from(invoke(&visitor, "one", json!({})).await == 2);
    }
    // The random bytes are the same in every run; far bounds all the same.
    assert!((20..=110).contains(&second), "{second} of 300 went to the second");
    let shown = server.owner().get(&admin("one/aliases/live")).expect(200).await;
    assert_eq!(shown.at("/versions"), body["versions"]);
    // Another alias is another thing.
    let staging = json!({"versions": [{"version": 1, "weight": 100}]});
    server.owner().put(&admin("one/aliases/staging")).json(&staging).expect(200).await;
    for _ in 0..20 {
        assert_eq!(invoke(&visitor, "one@staging", json!({})).await, 1);
    }
    let answer = visitor.post("/v1/functions/one").query(&[("alias", "staging")]).json(&json!({})).expect(200).await;
    assert_eq!(answer.body(), 1);
}

async fn of_deploys_at_once_each_is_whole(server: TestServer) {
    deploy(&server, &version(0)).await;
    let bodies: Vec<Value> = (1..=8).map(|n| module(&version(n))).collect();
    let answers = join_all(bodies.iter().map(|body| try_deploy(&server, body))).await;
    assert!(answers.iter().any(|answer| answer.status == 200), "{answers:?}");
    for answer in &answers {
        assert!([200, 409].contains(&answer.status), "{answer}");
    }
    let told = invoke(&server.visitor(), "both", json!({})).await;
    assert_eq!(told[0], told[1], "no half of one deploy and half of another");
    let versions = server.owner().get(&admin("one/versions")).expect(200).await;
    let mut numbers: Vec<i64> = versions.column("version").iter().filter_map(Value::as_i64).collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "each has a number of its own: {versions}");
    // The same again changes nothing.
    let n = told[0].as_u64().unwrap();
    let again = try_deploy(&server, &module(&version(u32::try_from(n).unwrap()))).await.expect(200);
    assert!(again.text().contains("unchanged"), "{again}");
    assert_eq!(server.owner().get(&admin("one/versions")).expect(200).await.items().len(), count);
}

/// Over two nodes: tests/faults/functions.
async fn the_last_are_sold_once(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const buy = callable({ invoke: "true" }, async (input: { buyer: number }, ctx) => ctx.db.transaction(async (tx: any) => {
            const item = await tx.collection("open").get("item");
            if (item.left === 0) throw new FunctionError("sold_out", "nothing is left", {}, 409);
            tx.collection("open").update("item", { left: item.left - 1 });
            tx.collection("open").create({ id: `order-${input.buyer}`, buyer: input.buyer });
            return item.left;
        }));
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    create(&visitor, "open", json!({"id": "item", "left": 10})).await;
    let mut sold = 0;
    // Who was in everybody's way five times is told so, and comes again.
    for _ in 0..50 {
        let buyers: Vec<u32> = (0..50).collect();
        let answers =
            join_all(buyers.iter().map(|buyer| call(&visitor, "buy", &json!({ "buyer": buyer })).send())).await;
        let told = |status: u16| [200, 409, 412].contains(&status);
        assert!(answers.iter().all(|answer| told(answer.status)), "{answers:?}");
        sold += answers.iter().filter(|answer| answer.status == 200).count();
        if get(&visitor, "open", "item").await["left"] == 0 {
            break;
        }
    }
    assert_eq!((sold, &get(&visitor, "open", "item").await["left"]), (10, &json!(0)));
    let listed = visitor.get(&crate::support::documents("open")).query(&[("limit", "100")]).expect(200).await;
    assert_eq!(listed.items().len(), 11);
}

async fn a_unique_task_is_one(server: TestServer) {
    define_open(&server).await;
    let source = r#"
        export const work = callable({ invoke: "true" }, async (_: unknown, ctx) => { await ctx.asService().db.collection("open").create({ task: ctx.idempotencyKey }); });
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    let body = json!({"function": "work", "input": {}, "delay": "1h", "key": "nightly"});
    let answers = join_all((0..20).map(|_| ann.post("/v1/tasks").json(&body).send())).await;
    let mut ids: Vec<String> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 202, "{answer}");
            answer.text_at("/id")
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1, "all are told of the same one");
    server.clock().advance(std::time::Duration::from_hours(2));
    super::support::collected(&server, "open", 1).await;
    server.rooms().jobs.run_due().await.unwrap();
    assert_eq!(super::support::collected(&server, "open", 1).await.len(), 1);
}

async fn what_is_rolled_back_is_back_at_once(server: TestServer) {
    for n in 1..=2 {
        deploy(&server, &version(n)).await;
    }
    let visitor = server.visitor();
    assert_eq!(invoke(&visitor, "one", json!({})).await, 2);
    server.owner().post(&admin("one/rollback")).json(&json!({})).expect(200).await;
    assert_eq!(invoke(&visitor, "one", json!({})).await, 1);
    server.owner().post(&admin("one/rollback")).json(&json!({"version": 2})).expect(200).await;
    assert_eq!(invoke(&visitor, "one", json!({})).await, 2);
    server.owner().post(&admin("one/rollback")).json(&json!({"version": 9})).problem(404, "version_not_found").await;
}
