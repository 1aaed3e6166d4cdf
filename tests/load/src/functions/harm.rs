//! What others notice of code that means harm: gets and calls of another function beside it.

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::{call, deploy_one};
use crate::connection::{Connection, request};
use crate::error::Result;
use crate::measure::{Figure, Next, Until, run};
use crate::realtime::World;

/// A native loop that no interrupt ends, a bomb of memory, and an endless loop.
const SOURCE: &str = r#"
    export const spin = callable({ invoke: "true", timeout: "200ms" }, async () => { const big = new Array(2e6).fill(0); for (let i = 0; i < 1e6; i++) big.indexOf(i + 1); });
    export const bomb = callable({ invoke: "true", timeout: "1s", memory: "32MB" }, async () => { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)); });
    export const loop = callable({ invoke: "true", timeout: "200ms" }, async () => { for (;;); });
    export const quick = callable({ invoke: "true" }, async (input: unknown) => input);
"#;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Harm {
    pub(crate) attacks: usize,
    /// Gets of a document meanwhile.
    pub(crate) gets: Figure,
    /// Calls of another function meanwhile.
    pub(crate) calls: Figure,
}

pub(crate) async fn measure(world: &mut World, seconds: Duration) -> Result<Harm> {
    deploy_one(world, SOURCE).await?;
    world.define("things", "true").await?;
    world.call("POST", "/v1/collections/things/documents", Some(&json!({"id": "d"}))).await?;
    let get = request("GET", "/v1/collections/things/documents/d", None, None);
    let quick = call("quick", "{\"n\":1}");
    let (gets, calls): (Next, Next) = (Rc::new(move |_, _| get.clone()), Rc::new(move |_, _| quick.clone()));
    let address = world.server.address.clone();
    let until = Until::Elapsed(seconds);
    run("warm-up", &address, 4, Until::Elapsed(Duration::from_secs(1)), calls.clone()).await?;
    let beside = async { tokio::join!(run("gets", &address, 4, until, gets), run("calls", &address, 4, until, calls)) };
    let attacking = attack(&address);
    let mut attacking = std::pin::pin!(attacking);
    let mut beside = std::pin::pin!(beside);
    let ended = tokio::select! {
        both = &mut beside => both,
        attacked = &mut attacking => return Err(format!("the attacks ended: {attacked:?}").into()),
    };
    Ok(Harm { attacks: 3, gets: ended.0?, calls: ended.1? })
}

/// Three attackers, each at it again as soon as it was stopped. Ends only where the server does.
async fn attack(address: &str) -> Result<(), String> {
    tokio::try_join!(strike(address, "spin"), strike(address, "bomb"), strike(address, "loop"))?;
    Ok(())
}

async fn strike(address: &str, name: &str) -> Result<(), String> {
    let request = call(name, "{}");
    let mut connection = Connection::open(address).await.map_err(|error| error.to_string())?;
    loop {
        connection.exchange(&request).await.map_err(|error| format!("{name}: {error}"))?;
    }
}
