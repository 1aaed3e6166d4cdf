use std::convert::Infallible;
use std::time::Duration;

use basalt_core::{Error, Result};
use basalt_runtime::let_go_of_code;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::output::Output;
use crate::configuration::Configuration;
use crate::node::assemble;
use crate::outside::Outside;

/// What goes on in the background of a start is over then.
const START: Duration = Duration::from_secs(1);

/// Each connection is an open file, and what a process may have open at first is often few: it takes what it may have.
fn allow_many_connections() {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limits) {
        tracing::warn!(%error, "the number of open files can't be raised");
    }
}

/// What the start ran is not run again. Never ends.
async fn forget_the_start() -> Infallible {
    tokio::time::sleep(START).await;
    if let Err(error) = let_go_of_code() {
        tracing::debug!(%error, "the code that only the start ran stays in memory");
    }
    std::future::pending().await
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
        never = forget_the_start() => match never {},
    }
    tracing::info!("stopping");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}
