//! The rows of live queries: a fresh server, and as many subscribers as are promised, from the same machine.

mod crowd;
mod fan_out;
mod filters;
mod idle;
mod owners;
mod socket;
mod world;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::error::Result;
use crate::server::Database;
pub(crate) use fan_out::{Burst, FanOut};
pub(crate) use filters::Filters;
pub(crate) use idle::Idle;
pub(crate) use owners::Owners;
pub(crate) use world::World;

/// Connections of the largest row.
const MANY: usize = 10_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Realtime {
    pub(crate) fan_out: Vec<FanOut>,
    pub(crate) burst: Burst,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owners: Option<Owners>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filters: Option<Filters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idle: Option<Idle>,
}

/// All rows on SQLite; on PostgreSQL those that its way from commit to subscriber makes others.
pub(crate) async fn measure(binary: &Path, database: &Database) -> Result<Realtime> {
    let mut world = World::new(binary, database).await?;
    let address = world.server.address.clone();
    let first = owners::sign_up(&address, 1).await?;
    let token = first.first().map(|user| Arc::clone(&user.token)).ok_or("no user")?;
    fan_out::prepare(&mut world).await?;
    fan_out::warm_up(&mut world, &token).await?;
    let sizes: &[usize] = match database {
        // The most first: what is measured of memory is what the server grows by.
        Database::Sqlite => &[5_000, 1_000],
        Database::Postgres { .. } => &[1_000],
    };
    let mut fan_outs = Vec::new();
    for size in sizes {
        fan_outs.push(fan_out::steady(&mut world, *size, &token).await?);
    }
    let burst = fan_out::burst(&mut world, 1_000, &token).await?;
    if let Database::Postgres { .. } = database {
        return Ok(Realtime { fan_out: fan_outs, burst, owners: None, filters: None, idle: None });
    }
    let idle = idle::measure(&mut world, 1_000, &token).await?;
    let filters = filters::measure(&mut world, MANY, &token).await?;
    let users = owners::sign_up(&address, MANY).await?;
    let owners = owners::measure(&mut world, &users).await?;
    Ok(Realtime { fan_out: fan_outs, burst, owners: Some(owners), filters: Some(filters), idle: Some(idle) })
}
