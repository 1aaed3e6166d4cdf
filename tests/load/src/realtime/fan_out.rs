//! Many subscribers of one query.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::crowd::{Crowd, Member};
use super::world::World;
use crate::connection::request;
use crate::error::Result;
use crate::measure::{self, Next, Until};

const COLLECTION: &str = "lobby";
/// Documents of the result.
const DOCUMENTS: usize = 20;
/// Subscribers of the warm-up.
const FEW: usize = 8;
/// Changes, one each [`PACE`].
const CHANGES: usize = 100;
const PACE: Duration = Duration::from_millis(100);
/// Single writes, as fast as they go. Fewer than what may wait for a subscriber: none is told to begin anew.
const BURST: usize = 1_000;
const WRITERS: usize = 32;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FanOut {
    pub(crate) subscribers: usize,
    pub(crate) changes: usize,
    pub(crate) delivered: usize,
    pub(crate) lost: usize,
    pub(crate) p50_millis: f64,
    pub(crate) p99_millis: f64,
    /// Of the server, for each delivery.
    pub(crate) cpu_micros: f64,
    /// What the server grew by, for each connection; of the largest crowd, which comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_a_connection: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Burst {
    pub(crate) subscribers: usize,
    pub(crate) writes: usize,
    pub(crate) lost: usize,
    pub(crate) per_second: f64,
}

fn body(n: usize) -> Value {
    json!({
        "room": "lobby", "rank": n % DOCUMENTS, "n": n, "from": "a person of the room",
        "text": "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.",
    })
}

fn path(n: usize) -> String {
    format!("/v1/collections/{COLLECTION}/documents/d{}", n % DOCUMENTS)
}

fn members(count: usize, token: &Arc<str>) -> Vec<Member> {
    let subscription =
        json!({"type": "subscribe", "id": "s", "collection": COLLECTION, "filter": "room == 'lobby'", "sort": "rank"});
    let text = subscription.to_string();
    (0..count).map(|_| Member { token: Arc::clone(token), subscriptions: vec![text.clone()] }).collect()
}

pub(crate) async fn prepare(world: &mut World) -> Result<()> {
    world.define(COLLECTION, "true").await?;
    for n in 0..DOCUMENTS {
        world.call("PUT", &path(n), Some(&body(n))).await?;
    }
    Ok(())
}

/// A few subscribers and changes, so that what is measured of memory is not the code that the first ones load.
pub(crate) async fn warm_up(world: &mut World, token: &Arc<str>) -> Result<()> {
    let mut crowd = Crowd::gather(&world.server.address, members(FEW, token)).await?;
    for n in 0..DOCUMENTS {
        crowd.tally.ask();
        world.call("PUT", &path(n), Some(&body(n + DOCUMENTS))).await?;
    }
    crowd.delivered(FEW * DOCUMENTS).await?;
    drop(crowd);
    world.alone().await
}

/// A change each [`PACE`].
pub(crate) async fn steady(world: &mut World, subscribers: usize, token: &Arc<str>) -> Result<FanOut> {
    let before = world.server.memory()?;
    let mut crowd = Crowd::gather(&world.server.address, members(subscribers, token)).await?;
    // What opening them leaves to be done is over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cpu = world.server.cpu()?;
    let mut beat = tokio::time::interval(PACE);
    for n in 0..CHANGES {
        beat.tick().await;
        crowd.tally.ask();
        world.call("PUT", &path(n), Some(&body(n + DOCUMENTS))).await?;
    }
    let delivered = crowd.delivered(subscribers * CHANGES).await?;
    let cpu = world.server.cpu()?.saturating_sub(cpu);
    let grown = world.server.memory()?.saturating_sub(before);
    drop(crowd);
    world.alone().await?;
    Ok(FanOut {
        subscribers,
        changes: CHANGES,
        delivered: delivered.count,
        lost: delivered.lost,
        p50_millis: delivered.percentile_millis(0.5),
        p99_millis: delivered.percentile_millis(0.99),
        cpu_micros: cpu.as_secs_f64() * 1e6 / (subscribers * CHANGES) as f64,
        bytes_a_connection: (subscribers > 1_000).then_some(grown / subscribers as u64),
    })
}

/// All at once: the best of some rounds.
pub(crate) async fn burst(world: &mut World, subscribers: usize, token: &Arc<str>) -> Result<Burst> {
    let mut crowd = Crowd::gather(&world.server.address, members(subscribers, token)).await?;
    let (mut per_second, mut lost) = (0.0_f64, 0);
    for round in 1..=3 {
        let key = Arc::clone(&world.key);
        let next: Next = Rc::new(move |connection, k| {
            let n = connection + k * WRITERS;
            request("PUT", &path(n), Some(&key), Some(&body(n + round * BURST * 2).to_string()))
        });
        let begin = Instant::now();
        let writes =
            measure::run("burst", &world.server.address, WRITERS, Until::Requests(BURST - WRITERS), next).await?;
        let delivered = crowd.delivered(subscribers * writes.requests).await?;
        let end = delivered.last.unwrap_or(begin);
        per_second = per_second.max(delivered.count as f64 / end.duration_since(begin).as_secs_f64());
        lost += delivered.lost;
    }
    drop(crowd);
    world.alone().await?;
    Ok(Burst { subscribers, writes: BURST, lost, per_second })
}
