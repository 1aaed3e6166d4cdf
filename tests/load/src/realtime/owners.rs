//! Many users who each watch what is theirs, in one collection.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::crowd::{Crowd, Member};
use super::world::World;
use crate::connection::{Connection, request};
use crate::error::Result;

const COLLECTION: &str = "tasks";
const SIGN_UPS_AT_ONCE: usize = 16;
const CHANGES: usize = 500;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Owners {
    pub(crate) subscribers: usize,
    pub(crate) changes: usize,
    pub(crate) lost: usize,
    pub(crate) evaluations_a_change: f64,
    pub(crate) cpu_millis_a_change: f64,
    pub(crate) p99_millis: f64,
}

pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) token: Arc<str>,
}

/// Anonymous users.
pub(crate) async fn sign_up(address: &str, count: usize) -> Result<Vec<User>> {
    let mut running = JoinSet::new();
    for first in 0..SIGN_UPS_AT_ONCE {
        let address = address.to_owned();
        running.spawn(async move {
            let signed_up = some(&address, (first..count).step_by(SIGN_UPS_AT_ONCE).count()).await;
            signed_up.map_err(|error| error.to_string())
        });
    }
    let mut users = Vec::with_capacity(count);
    while let Some(some) = running.join_next().await {
        users.extend(some??);
    }
    Ok(users)
}

async fn some(address: &str, count: usize) -> Result<Vec<User>> {
    let mut connection = Connection::open(address).await?;
    let mut users = Vec::new();
    let request = request("POST", "/v1/auth/anonymous", None, Some("{}"));
    for _ in 0..count {
        let reply = connection.exchange_whole(&request).await?;
        let body: Value = serde_json::from_slice(&reply.body)?;
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        let (Some(id), Some(token)) = (text("/user/id"), text("/session/accessToken")) else {
            return Err(format!("no sign-up: {} {body}", reply.status).into());
        };
        users.push(User { id: id.to_owned(), token: token.into() });
    }
    Ok(users)
}

pub(crate) async fn measure(world: &mut World, users: &[User]) -> Result<Owners> {
    world.define(COLLECTION, "auth.id == doc.owner").await?;
    let subscription = json!({"type": "subscribe", "id": "s", "collection": COLLECTION}).to_string();
    let members = users
        .iter()
        .map(|user| Member { token: Arc::clone(&user.token), subscriptions: vec![subscription.clone()] })
        .collect();
    let mut crowd = Crowd::gather(&world.server.address, members).await?;
    let evaluations = world.metric("basalt_realtime_evaluations_total").await?;
    let cpu = world.server.cpu()?;
    let mut micros = Vec::new();
    let mut lost = 0;
    for n in 0..CHANGES {
        let owner = &users[n * 7_919 % users.len()];
        let data = json!({"owner": owner.id, "title": format!("Task number {n}"), "done": false});
        crowd.tally.ask();
        world.call("POST", &format!("/v1/collections/{COLLECTION}/documents"), Some(&data)).await?;
        let delivered = crowd.delivered(1).await?;
        lost += delivered.lost;
        micros.extend(delivered.micros);
    }
    let cpu = world.server.cpu()?.saturating_sub(cpu);
    let evaluations = world.metric("basalt_realtime_evaluations_total").await? - evaluations;
    drop(crowd);
    world.alone().await?;
    micros.sort_unstable();
    let p99 = micros.get(micros.len() * 99 / 100).copied().unwrap_or_default();
    Ok(Owners {
        subscribers: users.len(),
        changes: CHANGES,
        lost,
        evaluations_a_change: evaluations / CHANGES as f64,
        cpu_millis_a_change: cpu.as_secs_f64() * 1e3 / CHANGES as f64,
        p99_millis: f64::from(p99) / 1000.0,
    })
}
