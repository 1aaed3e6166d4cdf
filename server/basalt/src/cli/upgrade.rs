use basalt_core::{Code, CollectionName, Error, Result};
use basalt_data::collections::{Builtins, check_stored};
use basalt_store::{SchemaPlan, Store};
use serde_json::{Value, json};

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
    let invalid = invalid(&plan)?;
    let answer = json!({
        "current": plan.current, "target": plan.target, "pending": plan.pending, "note": plan.note,
        "invalid": invalid, "done": !command.check,
    });
    output.result(&answer, || {
        let told = match (plan.pending.is_empty(), command.check) {
            (true, _) => format!("The database is at version {}; there is nothing to do.", plan.current),
            (false, true) => format!("From version {} to {}: {}", plan.current, plan.target, plan.pending.join(", ")),
            (false, false) => format!("Brought from version {} to {}.", plan.current, plan.target),
        };
        let valid = format!("{} stored definitions are valid.", plan.definitions.len());
        let definitions = if invalid.is_empty() { vec![valid] } else { invalid.clone() };
        std::iter::once(told).chain(plan.note.clone()).chain(definitions).collect::<Vec<_>>().join("\n")
    });
    if invalid.is_empty() {
        return Ok(());
    }
    let detail =
        "Collections whose stored definition this Basalt doesn't take stay closed until they are defined anew.";
    Err(Error::new(Code::InvalidDefinition, detail))
}

/// What this Basalt doesn't take of the definitions that are stored.
fn invalid(plan: &SchemaPlan) -> Result<Vec<String>> {
    let builtins = Builtins::new(basalt_app::builtins()?);
    let check = |(name, definition): &(CollectionName, Value)| {
        let error = check_stored(name, definition, &builtins).err()?;
        let faults = error.errors().iter().map(|fault| format!("{}: {}", fault.path, fault.message));
        let faults: Vec<String> = std::iter::once(error.detail().to_owned()).chain(faults).collect();
        Some(format!("The stored definition of {name} is not valid: {}", faults.join(" ")))
    };
    Ok(plan.definitions.iter().filter_map(check).collect())
}
