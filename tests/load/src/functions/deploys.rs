//! A thousand functions: what they take in memory once each was called, and how long deploying one more takes.

use serde::Serialize;

use super::{call, deploy, deploy_one, millis, percentile};
use crate::error::Result;
use crate::realtime::World;

const FUNCTIONS: usize = 1_000;
/// In one module.
const EXPORTS: usize = 50;
const DEPLOYS: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deploys {
    pub(crate) functions: usize,
    /// Of the server and its workers, what they share counted once.
    pub(crate) memory_bytes: u64,
    /// Of one function, beside all of these.
    pub(crate) deploy_p50_millis: f64,
    pub(crate) deploy_most_millis: f64,
}

pub(crate) async fn measure(world: &mut World) -> Result<Deploys> {
    let one = |n: usize| {
        format!("export const f{n} = callable({{ invoke: \"true\" }}, async (input: any) => ({{ n: {n}, input }}));\n")
    };
    let module = |first: usize| (format!("m{first}"), (first..first + EXPORTS).map(one).collect::<String>());
    let modules: Vec<(String, String)> = (0..FUNCTIONS).step_by(EXPORTS).map(module).collect();
    deploy(world, &modules).await?;
    for n in 0..FUNCTIONS {
        world.send(&call(&format!("f{n}"), "{}")).await?;
    }
    let memory_bytes = world.server.memory_with_children()?;
    let mut times = Vec::new();
    for n in 0..DEPLOYS {
        let source = format!("export const one = callable({{ invoke: \"true\" }}, async () => {n});");
        let begin = std::time::Instant::now();
        deploy_one(world, &source).await?;
        times.push(millis(begin.elapsed()));
    }
    let (deploy_p50_millis, deploy_most_millis) = (percentile(&mut times, 0.5), percentile(&mut times, 1.0));
    Ok(Deploys { functions: FUNCTIONS, memory_bytes, deploy_p50_millis, deploy_most_millis })
}
