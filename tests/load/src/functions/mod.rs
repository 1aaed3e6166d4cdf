//! Functions: what a call costs beside a fixed answer, how soon one begins, and how fast events come.

mod calls;
mod deploys;
mod events;
mod harm;

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use crate::connection::request;
use crate::error::Result;
use crate::realtime::World;
use crate::server::Database;
pub(crate) use calls::{Calls, Starts};
pub(crate) use deploys::Deploys;
pub(crate) use events::{Backlog, Events};
pub(crate) use harm::Harm;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Functions {
    pub(crate) calls: Calls,
    pub(crate) starts: Starts,
    pub(crate) events: Events,
    pub(crate) backlog: Backlog,
    pub(crate) harm: Harm,
    pub(crate) deploys: Deploys,
}

/// All rows, each on a fresh server, so that none has what another left.
pub(crate) async fn measure(
    binary: &Path,
    database: &Database,
    connections: usize,
    seconds: Duration,
) -> Result<Functions> {
    let starts = calls::starts(&mut World::new(binary, database).await?).await?;
    let calls = calls::measure(&mut World::new(binary, database).await?, connections, seconds).await?;
    let events = events::measure(&mut World::new(binary, database).await?, seconds).await?;
    let backlog = events::backlog(&mut World::new(binary, database).await?).await?;
    let harm = harm::measure(&mut World::new(binary, database).await?, seconds).await?;
    let deploys = deploys::measure(&mut World::new(binary, database).await?).await?;
    Ok(Functions { calls, starts, events, backlog, harm, deploys })
}

const IMPORTS: &str = "import { callable, onDocument } from \"basalt:functions\";\n";

/// Deploys modules, each after the imports that all have.
async fn deploy(world: &mut World, modules: &[(String, String)]) -> Result<()> {
    let file =
        |(name, source): &(String, String)| (format!("functions/{name}.ts"), json!(format!("{IMPORTS}{source}")));
    let files: serde_json::Map<String, Value> = modules.iter().map(file).collect();
    let answer = world.call("POST", "/v1/admin/functions/deploy", Some(&json!({ "files": files }))).await?;
    if answer["applied"] != true {
        return Err(format!("the deploy isn't applied: {answer}").into());
    }
    Ok(())
}

async fn deploy_one(world: &mut World, source: &str) -> Result<()> {
    deploy(world, &[("bench".to_owned(), source.to_owned())]).await
}

/// The bytes of a call that everybody may make.
fn call(name: &str, body: &str) -> Vec<u8> {
    request("POST", &format!("/v1/functions/{name}"), None, Some(body))
}

/// Sends, and how long the answer took.
async fn timed(world: &mut World, request: &[u8]) -> Result<Duration> {
    let begin = Instant::now();
    world.send(request).await?;
    Ok(begin.elapsed())
}

/// The value below which that share of them is.
fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the values")]
    let at = (values.len().saturating_sub(1) as f64 * share) as usize;
    values.get(at).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
