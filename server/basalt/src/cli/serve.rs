use basalt_core::{Error, Result};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::output::Output;
use crate::configuration::Configuration;
use crate::node::assemble;
use crate::outside::Outside;

/// Each connection is an open file, and what a process may have open at first is often few: it takes what it may have.
fn allow_many_connections() {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limits) {
        tracing::warn!(%error, "the number of open files can't be raised");
    }
}

/// Serves until it is told to stop.
pub(super) async fn run(configuration: Configuration, outside: Outside, output: &Output) -> Result<()> {
    allow_many_connections();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let node = assemble(configuration, outside).await?;
    if let Some(plan) = node.plan() {
        output.result(&json!({ "plan": plan.to_json() }), || plan.to_string());
    }
    let running = node.start().await?;
    let setup = running.setup_url.as_ref().map(basalt_app::Secret::expose);
    output.result(&json!({ "url": running.url, "setup": setup }), || {
        let listens = format!("Basalt listens on {} (API: {}/v1/docs)", running.url, running.base_url);
        match setup {
            Some(link) => format!("{listens}\nNobody owns this server yet. Make its owner by this link:\n  {link}"),
            None => listens,
        }
    });
    tracing::info!(url = running.url, "serving");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}
