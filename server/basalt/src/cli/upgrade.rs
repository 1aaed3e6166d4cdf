use basalt_core::Result;
use basalt_store::Store;
use serde_json::json;

use super::arguments::Upgrade;
use super::output::Output;
use crate::configuration::Configuration;
use crate::outside::Outside;
use crate::wire;

pub(super) async fn run(
    command: Upgrade,
    configuration: Configuration,
    outside: Outside,
    output: &Output,
) -> Result<()> {
    let plan = Store::schema_plan(&wire::engine(&configuration)).await?;
    if !command.check {
        // Opening migrates, after a backup where there is something to lose.
        let configuration = Configuration { app: None, ..configuration };
        let issuer = configuration.base_url(configuration.listen);
        wire::rooms(&configuration, &outside, issuer).await?.rooms.store.close().await;
    }
    let answer = json!({
        "current": plan.current, "target": plan.target, "pending": plan.pending, "note": plan.note,
        "done": !command.check,
    });
    output.result(&answer, || {
        let told = match (plan.pending.is_empty(), command.check) {
            (true, _) => format!("The database is at version {}; there is nothing to do.", plan.current),
            (false, true) => format!("From version {} to {}: {}", plan.current, plan.target, plan.pending.join(", ")),
            (false, false) => format!("Brought from version {} to {}.", plan.current, plan.target),
        };
        std::iter::once(told).chain(plan.note.clone()).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}
