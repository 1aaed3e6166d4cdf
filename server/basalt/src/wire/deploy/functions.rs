//! The functions of a deploy: what becomes of them, and what of that may break something.

use std::collections::BTreeSet;

use basalt_app::deployments::Origin;
use basalt_app::functions::{AliasName, DeployPlan, DeployRequest, DeployedBy, Registry};
use basalt_core::{Caller, Code, Error, Result};
use basalt_data::manifest::Manifest;
use basalt_data::rules::InvokeRule;
use serde_json::{Map, json};

use super::access;
use super::options::{Acknowledged, Kind, Options};
use super::plan::{Breaking, Item, Told};

/// Prepares all code; faults have their file, line and column.
pub(super) async fn check(
    caller: &Caller,
    registry: &Registry,
    manifest: &Manifest,
    (options, alias, origin): (&Options, AliasName, Origin),
    told: &mut Told,
) -> Result<DeployPlan> {
    check_default(manifest)?;
    let deployed = registry.deployed();
    let mut request = DeployRequest {
        files: manifest.sources.iter().map(|(path, bytes)| (path.clone(), bytes.clone().into())).collect(),
        settings: manifest.functions.clone(),
        settings_at: "/functions",
        alias,
        // What isn't there any more is gone already.
        remove: options.removed(Kind::Function).into_iter().filter(|name| deployed.function(name).is_some()).collect(),
        acknowledge: acknowledged(options),
        by: match origin {
            Origin::Deploy => DeployedBy::Call,
            Origin::Start => DeployedBy::Manifest,
        },
    };
    let mut plan = registry.plan(caller, request.clone()).await?;
    if options.acknowledge == Acknowledged::Everything && !plan.unacknowledged().is_empty() {
        request.acknowledge = plan.unacknowledged().iter().cloned().collect();
        plan = registry.plan(caller, request).await?;
    }
    tell(&plan, told);
    Ok(plan)
}

/// The rule of functions without their own is good also where there are none yet.
fn check_default(manifest: &Manifest) -> Result<()> {
    let Some(rule) = &manifest.functions.invoke else { return Ok(()) };
    let refused = |faults| Error::new(Code::InvalidDefinition, "app.toml is not valid.").with_errors(faults);
    InvokeRule::compile(rule, "/functions/rules/invoke").map(drop).map_err(refused)
}

/// As functions' own deploys name it.
fn acknowledged(options: &Options) -> BTreeSet<String> {
    match &options.acknowledge {
        Acknowledged::Everything => BTreeSet::new(),
        Acknowledged::These(things) => {
            let functions = things.iter().filter(|thing| thing.kind == Kind::Function);
            functions.map(|thing| format!("{}.invoke", thing.name)).collect()
        }
    }
}

fn tell(plan: &DeployPlan, told: &mut Told) {
    for item in plan.items() {
        let more = Map::from_iter([("version".to_owned(), json!(item.version))]);
        let name = item.function.to_string();
        told.functions.push(Item { more, ..Item::new(name.as_str(), item.change.as_str()) });
        let change = item.access.as_ref();
        told.access.extend(change.map(|change| access::told(change, (Kind::Function, name.as_str()))));
        // What is removed was named, or it would stay.
        let named = item.change.as_str() == "removed";
        told.breaking.extend(item.breaking.iter().filter(|_| !named).map(|message| Breaking {
            kind: Kind::Function,
            name: name.clone(),
            path: format!("/functions/{name}"),
            code: "function_breaking",
            message: message.clone(),
        }));
    }
    told.warnings.extend(plan.warnings().iter().cloned());
    for open in plan.unacknowledged() {
        let name = open.split('.').next().unwrap_or_default().to_owned();
        // Told by its sentence already.
        if told.breaking.iter().any(|breaking| breaking.kind == Kind::Function && breaking.name == name) {
            continue;
        }
        told.breaking.push(Breaking {
            path: format!("/functions/{name}/invoke"),
            kind: Kind::Function,
            name,
            code: "access_opened",
            message: "From now on everybody may call this, without signing in.".to_owned(),
        });
    }
}
