//! What writers lose to subscribers whom nothing is told.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::crowd::{Crowd, Member};
use super::world::World;
use crate::connection::request;
use crate::error::Result;
use crate::measure::{self, Next, Until};

const COLLECTION: &str = "entries";
const DOCUMENTS: usize = 1_000;
const WRITERS: usize = 32;
const ROUNDS: usize = 3;
const A_ROUND: Duration = Duration::from_secs(3);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Idle {
    pub(crate) subscribers: usize,
    pub(crate) alone_per_second: f64,
    pub(crate) beside_per_second: f64,
    /// Share of the writes.
    pub(crate) loss: f64,
}

/// Writers alone and beside subscribers of the same collection, in turn.
pub(crate) async fn measure(world: &mut World, subscribers: usize, token: &Arc<str>) -> Result<Idle> {
    world.define(COLLECTION, "true").await?;
    write(world, Until::Requests(DOCUMENTS * 4)).await?;
    let (mut alone, mut beside) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        alone += write(world, Until::Elapsed(A_ROUND)).await?;
        let members = (0..subscribers).map(|n| {
            let filter = format!("room == 'idle {n}'");
            let frame = json!({"type": "subscribe", "id": "s", "collection": COLLECTION, "filter": filter});
            Member { token: Arc::clone(token), subscriptions: vec![frame.to_string()] }
        });
        let mut crowd = Crowd::gather(&world.server.address, members.collect()).await?;
        beside += write(world, Until::Elapsed(A_ROUND)).await?;
        let told = crowd.delivered(0).await?;
        if told.lost > 0 {
            return Err(format!("idle subscribers were told {} frames", told.lost).into());
        }
        drop(crowd);
        world.alone().await?;
    }
    let (alone, beside) = (alone / ROUNDS as f64, beside / ROUNDS as f64);
    Ok(Idle { subscribers, alone_per_second: alone, beside_per_second: beside, loss: 1.0 - beside / alone })
}

async fn write(world: &World, until: Until) -> Result<f64> {
    let key = Arc::clone(&world.key);
    let next: Next = Rc::new(move |connection, k| {
        let n = (connection + k * WRITERS) % DOCUMENTS;
        let body = json!({"room": "busy", "n": k, "text": "Lorem ipsum dolor sit amet, consectetur adipiscing elit."});
        let path = format!("/v1/collections/{COLLECTION}/documents/d{n}");
        request("PUT", &path, Some(&key), Some(&body.to_string()))
    });
    Ok(measure::run("writers", &world.server.address, WRITERS, until, next).await?.per_second)
}
