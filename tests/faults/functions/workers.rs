//! Workers that are killed, and code that no interrupt stops.

use std::process::Command;

use basalt_testing::{Answer, Engine, Process, is_long};
use futures_util::future::join_all;
use serde_json::json;

use super::support::{call, deploy, eventually, invoke};
use crate::support::server;

/// The processes that the server started to run code in.
fn workers(process: &Process) -> Vec<u32> {
    let parent = process.pid();
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map(|(_, fields)| fields.to_owned()).unwrap_or_default();
        fields.split(' ').nth(1).and_then(|text| text.parse::<u32>().ok()) == Some(parent)
    })
    .collect()
}

fn kill(pid: u32) {
    // It may have ended meanwhile.
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_killed_ends_its_calls_and_nothing_else() {
    let (process, client) = server(Engine::Sqlite).await;
    let source = r#"
        export const slow = callable({ timeout: "30s" }, async (_: unknown, ctx) => {
            await ctx.asService().db.collection("things").upsert("begun", { n: 1 });
            await new Promise((done) => setTimeout(done, 20000));
        });
        export const quick = callable(async (input: { n: number }) => input.n);
    "#;
    deploy(&client, source).await;
    for round in 0..3 {
        client.delete("/v1/collections/things/documents/begun").send().await;
        let slow = tokio::spawn(call(&client, "slow", &json!({})).send());
        eventually("the call", || async {
            let answer = client.get("/v1/collections/things/documents/begun").send().await;
            (answer.status == 200).then_some(())
        })
        .await;
        let pids = workers(&process);
        assert!(!pids.is_empty(), "code runs in processes of their own");
        for pid in pids {
            kill(pid);
        }
        slow.await.unwrap().problem(503, "function_worker_lost").assert_is_problem();
        client.get("/health/ready").expect(200).await;
        assert_eq!(invoke(&client, "quick", json!({ "n": round })).await, round);
    }
    let metrics = client.get("/metrics").expect(200).await.text();
    assert!(metrics.contains("lost"), "lost workers are counted: {metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_nothing_stops_takes_no_other_call_along() {
    let (_process, client) = server(Engine::Sqlite).await;
    let source = r#"
        export const spin = callable({ timeout: "100ms" }, async () => { const big = new Array(2e6).fill(0); for (let i = 0; i < 1e6; i++) big.indexOf(i + 1); });
        export const quick = callable(async (input: { n: number }) => input.n);
    "#;
    deploy(&client, source).await;
    let (spins, calls) = if is_long() { (50, 10_000) } else { (10, 1_000) };
    let spinning = async {
        for _ in 0..spins {
            let answer = call(&client, "spin", &json!({})).send().await;
            let code = answer.code().unwrap_or_default();
            assert!(["function_timeout", "function_worker_lost"].contains(&code.as_str()), "{answer}");
        }
    };
    let calling = async {
        for first in (0..calls).step_by(20) {
            let some = join_all((first..first + 20).map(|n| call(&client, "quick", &json!({ "n": n })).send())).await;
            for (n, answer) in (first..).zip(some) {
                assert_eq!((answer.status, answer.body()), (200, json!(n)), "{answer}");
            }
        }
    };
    futures_util::future::join(spinning, calling).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_worker_outlives_its_server() {
    let (mut process, client) = server(Engine::Sqlite).await;
    deploy(&client, "export const quick = callable(async () => 1);").await;
    invoke(&client, "quick", json!({})).await;
    for graceful in [true, false] {
        let pids = workers(&process);
        assert!(!pids.is_empty(), "there is a worker");
        if graceful {
            process.stop();
        } else {
            process.kill();
        }
        eventually("the end of the workers", || async {
            // One that is another's child now has ended or ends; what is left of it is nobody's memory.
            let gone = |pid: &u32| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                stat.is_empty() || stat.contains(") Z ")
            };
            pids.iter().all(gone).then_some(())
        })
        .await;
        process.restart();
        let answer: Answer = call(&client, "quick", &json!({})).expect(200).await;
        assert_eq!(answer.body(), 1);
    }
}
