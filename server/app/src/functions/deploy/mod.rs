//! Deploying: sources become prepared code and compiled declarations, these a plan, and the plan one commit.

mod access;
mod breaking;
mod commit;
mod places;
mod plan;
mod prepare;
mod settings;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::{Caller, Code, Error, Result};
use basalt_data::manifest::FunctionsSection;
use basalt_data::rules::AccessChange;
use bytes::Bytes;
use serde_json::{Value, json};

use super::Registry;
use super::names::AliasName;
use crate::common::rights;

pub(super) use commit::{deletion, moved, outdated};
pub use plan::{ChangeOfFunction, DeployPlan, PlannedFunction};

/// How often a plan is made anew because something was deployed meanwhile.
const TRIES: u32 = 8;

/// Where the settings stand in a deploy of functions alone.
pub const SETTINGS: &str = "/settings";

/// What is to be deployed.
#[derive(Clone, Debug)]
pub struct DeployRequest {
    /// By paths such as `functions/add.ts`.
    pub files: BTreeMap<String, Bytes>,
    /// `[functions]` of an app.
    pub settings: FunctionsSection,
    /// Where the settings stand, for faults: `/functions` of a manifest.
    pub settings_at: &'static str,
    pub alias: AliasName,
    /// Functions that the alias shall no longer lead to; all others that aren't in it are kept.
    pub remove: BTreeSet<String>,
    /// What was understood to be dangerous, such as `add.invoke`.
    pub acknowledge: BTreeSet<String>,
    pub by: DeployedBy,
}

/// Who deploys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployedBy {
    Call,
    /// The app folder that the server is started with: what it said already when it was last applied is left as it is,
    /// since something else may have been deployed after it.
    Manifest,
}

impl Registry {
    /// Checks everything and says what would be done; writes nothing.
    pub async fn plan(&self, caller: &Caller, request: DeployRequest) -> Result<DeployPlan> {
        rights::admin_own(caller)?;
        let prepared = prepare::prepare(self.runtime(), request).await?;
        self.planned(prepared).await
    }

    /// Does what the plan says, or, where something was deployed meanwhile, what it says now.
    pub async fn apply(&self, caller: &Caller, plan: DeployPlan) -> Result<DeployPlan> {
        rights::admin_own(caller)?;
        let mut plan = plan;
        let _alone = self.deploying().await;
        for _ in 0..TRIES {
            plan.check_acknowledged()?;
            if plan.is_settled() {
                return Ok(plan);
            }
            match commit::commit(self, caller, &plan).await {
                Ok(()) => {
                    self.reload().await?;
                    return Ok(plan);
                }
                Err(error) if error.code() == Code::PreconditionFailed => plan = self.planned(plan.prepared).await?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(Code::Unavailable, "Others are deploying, too; try again."))
    }

    async fn planned(&self, prepared: prepare::Prepared) -> Result<DeployPlan> {
        self.reload().await?;
        let applied = match prepared.by {
            DeployedBy::Call => BTreeMap::new(),
            DeployedBy::Manifest => commit::applied(self.db()).await?,
        };
        let mut plan = plan::plan(prepared, &self.deployed(), &applied)?;
        plan.warn_of_collections(&self.db().store().catalog());
        plan.warn_of_secrets(|name, alias| self.secret(name, alias).is_some());
        Ok(plan)
    }
}

impl DeployPlan {
    fn check_acknowledged(&self) -> Result<()> {
        if self.unacknowledged.is_empty() {
            return Ok(());
        }
        let named = self.unacknowledged.join(", ");
        let detail = format!("This has to be acknowledged: {named}.");
        Err(Error::new(Code::PlanRefused, detail)
            .with("acknowledge", json!(self.unacknowledged))
            .with("plan", self.items_json()))
    }

    /// As the admin API answers it.
    pub fn to_json(&self, applied: bool) -> Value {
        json!({
            "plan": self.items_json(), "applied": applied, "warnings": self.warnings,
            "acknowledge": self.unacknowledged,
        })
    }

    fn items_json(&self) -> Value {
        let item = |item: &PlannedFunction| {
            json!({
                "function": item.function, "change": item.change.as_str(), "version": item.version,
                "breaking": item.breaking, "access": item.access.as_ref().map(AccessChange::to_json),
            })
        };
        self.items.iter().map(item).collect()
    }
}
