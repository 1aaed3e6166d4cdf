//! Many filters that no equality narrows: all of them are asked at each change.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::crowd::{Crowd, Member};
use super::world::World;
use crate::error::Result;

const COLLECTION: &str = "notices";
/// As many as a connection may have.
const A_CONNECTION: usize = 100;
const CHANGES: usize = 200;
/// Filters that a change matches.
const MATCHING: usize = 10;
const HIGH: usize = 1_000_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filters {
    pub(crate) count: usize,
    pub(crate) connections: usize,
    pub(crate) changes: usize,
    pub(crate) lost: usize,
    pub(crate) evaluations_a_change: f64,
    pub(crate) cpu_millis_a_change: f64,
    pub(crate) p99_millis: f64,
}

/// Half of them look into texts, half compare; all are different.
fn filter(n: usize) -> String {
    if n.is_multiple_of(2) { format!("title.contains('needle {n}.')") } else { format!("rank > {}", HIGH + n) }
}

pub(crate) async fn measure(world: &mut World, count: usize, token: &Arc<str>) -> Result<Filters> {
    world.define(COLLECTION, "true").await?;
    let connections = count / A_CONNECTION;
    let members = (0..connections).map(|connection| {
        let own = (0..A_CONNECTION).map(|n| {
            let filter = filter(connection * A_CONNECTION + n);
            json!({"type": "subscribe", "id": format!("s{n}"), "collection": COLLECTION, "filter": filter}).to_string()
        });
        Member { token: Arc::clone(token), subscriptions: own.collect() }
    });
    let mut crowd = Crowd::gather(&world.server.address, members.collect()).await?;
    let evaluations = world.metric("basalt_realtime_evaluations_total").await?;
    let cpu = world.server.cpu()?;
    let mut lost = 0;
    let mut micros = Vec::new();
    for n in 0..CHANGES {
        let title = format!("A notice of about sixty characters, and no needle, number {n}");
        let data = json!({"title": title, "rank": HIGH + 2 * MATCHING});
        crowd.tally.ask();
        world.call("POST", &format!("/v1/collections/{COLLECTION}/documents"), Some(&data)).await?;
        // All that match are of the first connection.
        let delivered = crowd.delivered(MATCHING).await?;
        lost += delivered.lost;
        micros.extend(delivered.micros);
    }
    let cpu = world.server.cpu()?.saturating_sub(cpu);
    let evaluations = world.metric("basalt_realtime_evaluations_total").await? - evaluations;
    drop(crowd);
    world.alone().await?;
    micros.sort_unstable();
    let p99 = micros.get(micros.len() * 99 / 100).copied().unwrap_or_default();
    Ok(Filters {
        count,
        connections,
        changes: CHANGES,
        lost,
        evaluations_a_change: evaluations / CHANGES as f64,
        cpu_millis_a_change: cpu.as_secs_f64() * 1e3 / CHANGES as f64,
        p99_millis: f64::from(p99) / 1000.0,
    })
}
