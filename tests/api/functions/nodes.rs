//! Two nodes on one PostgreSQL by one clock: who does what both could do, and who goes on when one of them stops. Nodes that
//! are killed are in `tests/faults`.

use std::collections::BTreeSet;
use std::time::Duration;

use basalt_testing::{Client, Engine, Receiver, TestServer, eventually, functions, run};
use serde_json::{Value, json};

use super::support::{as_time_passes, collected, define_closed, deploy};
use crate::support::{create, define_open};

/// Writes down what it is given.
const HANDLE: &str = r#"
    export const handle = onDocument("open", { on: ["create"] }, async (event: any, ctx) => {
        await ctx.asService().db.collection("handled").create({ of: event.doc.id, key: ctx.idempotencyKey });
    });
"#;

#[test]
fn a_tick_runs_once_whoever_runs_it() {
    run(Engine::Postgres, async |one| {
        define_closed(&one, "ticks").await;
        let source = r#"
            export const each = onSchedule("*/10 * * * *", { overlap: "allow" }, async (event: any, ctx) => {
                await ctx.asService().db.collection("ticks").create({ key: ctx.idempotencyKey, at: event.doc.scheduledAt });
            });
        "#;
        deploy(&one, source).await;
        let other = one.another_node().await;
        // Each knows when it is due.
        for node in [&one, &other] {
            assert_eq!(node.rooms().schedules.tick().await.unwrap(), 0);
        }
        for ticks in 1..=5 {
            one.clock().advance(Duration::from_mins(10));
            collected(&other, "ticks", ticks).await;
            // A lease that the clock takes away is no part of this.
            eventually("the end of the run", || async {
                let queues = one.rooms().store.queues().await.unwrap();
                queues.iter().all(|queue| queue.kind != "schedule/each").then_some(())
            })
            .await;
        }
        // The other goes, and this one goes on.
        other.stop().await;
        one.clock().advance(Duration::from_mins(10));
        let seen = collected(&one, "ticks", 6).await;
        let times: BTreeSet<&str> = seen.iter().filter_map(|tick| tick["at"].as_str()).collect();
        assert_eq!((times.len(), seen.len()), (6, 6), "a tick ran twice: {seen:?}");
        let runs = one.service().get("/v1/admin/schedules/each/runs").expect(200).await;
        assert_eq!(runs.items().len(), 6, "{runs}");
    });
}

/// Whichever of the two read the log: the one that is left reads it after the first stop, and stops as the second.
#[test]
fn events_go_on_when_the_node_that_read_them_stops() {
    run(Engine::Postgres, async |one| {
        let receiver = Receiver::start().await;
        define_open(&one).await;
        define_closed(&one, "handled").await;
        deploy(&one, HANDLE).await;
        let hook = json!({"url": receiver.url("/hook"), "events": "collection == 'open'"});
        one.service().put("/v1/admin/webhooks/crm").json(&hook).expect(201).await;
        let other = one.another_node().await;
        write(one.service(), 0..10).await;
        write(other.service(), 10..20).await;
        handled(&other, &receiver, 20).await;

        write(one.service(), 20..30).await;
        one.stop().await;
        write(other.service(), 30..40).await;
        handled(&other, &receiver, 40).await;

        let third = other.another_node().await;
        write(other.service(), 40..50).await;
        other.stop().await;
        write(third.service(), 50..60).await;
        handled(&third, &receiver, 60).await;
        assert!(third.service().get("/v1/admin/deadletters").expect(200).await.items().is_empty());
    });
}

/// One that is gone without a word has the log until its lease is over.
#[test]
fn events_wait_for_the_lease_of_a_node_that_is_gone() {
    run(Engine::Postgres, async |one| {
        define_open(&one).await;
        define_closed(&one, "handled").await;
        deploy(&one, HANDLE).await;
        create(one.service(), "open", json!({"id": "d0"})).await;
        collected(&one, "handled", 1).await;
        let other = one.another_node().await;
        drop(one);
        write(other.service(), 1..10).await;
        let rows = as_time_passes(&other, Duration::from_secs(5), "events", || async {
            let rows = functions::all(other.service(), "handled").await;
            (distinct(&rows).len() == 10).then_some(rows)
        })
        .await;
        assert_eq!(keys(&rows).len(), 10, "doubles have the same id: {rows:?}");
    });
}

async fn write(client: &Client, numbers: std::ops::Range<usize>) {
    for n in numbers {
        create(client, "open", json!({"id": format!("d{n}")})).await;
    }
}

/// Until so many events reached the function and the receiver.
async fn handled(server: &TestServer, receiver: &Receiver, count: usize) {
    let rows = eventually("events", || async {
        let rows = functions::all(server.service(), "handled").await;
        (distinct(&rows).len() == count).then_some(rows)
    })
    .await;
    assert_eq!(keys(&rows).len(), count, "doubles have the same id: {rows:?}");
    eventually("the webhook's deliveries", || async { (receiver.count() >= count).then_some(()) }).await;
}

fn distinct(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| row["of"].to_string()).collect()
}

/// With the ids of their events.
fn keys(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| format!("{} {}", row["of"], row["key"])).collect()
}
