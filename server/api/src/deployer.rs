//! Deploying an app as a whole touches every room, so it is done where the rooms are wired, behind this port.

use std::future::Future;
use std::pin::Pin;

use basalt_core::{Caller, Result};
use bytes::Bytes;
use serde_json::Value;

pub type DeployFuture<'a> = Pin<Box<dyn Future<Output = Result<Value>> + Send + 'a>>;

/// What was sent to `POST /v1/admin/deploy`.
#[derive(Clone, Debug, Default)]
pub struct DeployWish {
    /// The zip of an app's folder.
    pub archive: Bytes,
    /// Only says what would be done.
    pub plan: bool,
    /// What may be taken away: `collection:notes`, `function:old`, …
    pub remove: Vec<String>,
    /// Whose breaking changes and open rules are meant.
    pub acknowledge: Vec<String>,
    pub alias: Option<String>,
}

pub trait Deployer: Send + Sync {
    /// Checks it whole, then applies it; answers with the plan.
    fn deploy<'a>(&'a self, caller: &'a Caller, wish: DeployWish) -> DeployFuture<'a>;
}
