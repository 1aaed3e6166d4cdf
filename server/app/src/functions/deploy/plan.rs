//! What a deploy changes, decided on what is deployed.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::{Code, Error, FieldError, Result, Rev};
use basalt_data::rules::{AccessChange, Reach};
use basalt_runtime::CodeId;
use basalt_store::Catalog;

use super::breaking::breaking;
use super::prepare::{Prepared, Wanted};
use super::{DeployedBy, access};
use crate::functions::catalog::{Deployed, Function, MOST_FUNCTIONS};
use crate::functions::config::{Remote, Source, Trigger};
use crate::functions::names::{AliasName, FunctionName, SecretName};

/// A deploy that was checked, and what it changes.
#[derive(Clone, Debug)]
pub struct DeployPlan {
    pub(super) items: Vec<PlannedFunction>,
    pub(super) warnings: Vec<String>,
    /// What has to be acknowledged first.
    pub(super) unacknowledged: Vec<String>,
    pub(super) prepared: Prepared,
}

/// What becomes of one function.
#[derive(Clone, Debug)]
pub struct PlannedFunction {
    pub function: FunctionName,
    pub change: ChangeOfFunction,
    /// The version that the alias leads to then; of one that is removed the last.
    pub version: u32,
    /// What may break who uses it; sentences for people.
    pub breaking: Vec<String>,
    /// Who may call it by the alias, before and after; `None` where that stays as it is.
    pub access: Option<AccessChange>,
    /// What the plan was made on.
    pub(super) seen: Option<Rev>,
    pub(super) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOfFunction {
    Added,
    Changed,
    Removed,
    /// It is not in what is deployed, and stays.
    Kept,
    Unchanged,
}

/// Where the version comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Of the prepared functions this one, as a new version.
    New(usize),
    /// It is there already.
    Known,
}

impl ChangeOfFunction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Kept => "kept",
            Self::Unchanged => "unchanged",
        }
    }
}

impl DeployPlan {
    pub fn items(&self) -> &[PlannedFunction] {
        &self.items
    }

    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Names such as `add.invoke`, to be given as `acknowledge`.
    pub fn unacknowledged(&self) -> &[String] {
        &self.unacknowledged
    }

    pub fn alias(&self) -> &AliasName {
        &self.prepared.alias
    }

    /// Whether everything is as it should be.
    pub fn changes_nothing(&self) -> bool {
        let still = |change| matches!(change, ChangeOfFunction::Kept | ChangeOfFunction::Unchanged);
        self.items.iter().all(|item| still(item.change))
    }

    /// Whether applying it writes nothing at all.
    pub(super) fn is_settled(&self) -> bool {
        self.changes_nothing() && self.prepared.by == DeployedBy::Call
    }

    /// The codes that its new versions need.
    pub(super) fn codes(&self) -> BTreeSet<&CodeId> {
        let new = self.items.iter().filter_map(|item| match item.place {
            Place::New(index) => self.prepared.functions.get(index),
            Place::Known => None,
        });
        new.filter_map(|wanted| wanted.code.as_ref()).collect()
    }
}

/// `applied` is what a manifest said of each function when it was last applied.
pub(super) fn plan(prepared: Prepared, deployed: &Deployed, applied: &BTreeMap<String, String>) -> Result<DeployPlan> {
    let mut plan = DeployPlan { items: Vec::new(), warnings: Vec::new(), unacknowledged: Vec::new(), prepared };
    check_removals(&plan.prepared, deployed)?;
    check_count(&plan.prepared, deployed)?;
    for (index, wanted) in plan.prepared.functions.clone().iter().enumerate() {
        let function = deployed.function(wanted.name.as_str());
        let item = match function {
            None => PlannedFunction {
                access: AccessChange::between(None, wanted.access(&plan.prepared.alias)),
                ..PlannedFunction::new(wanted, index, 1, ChangeOfFunction::Added)
            },
            Some(function) if applied.get(wanted.name.as_str()) == Some(&wanted.identity) => function.stays(),
            Some(function) => plan.change(wanted, index, function),
        };
        if item.change == ChangeOfFunction::Added {
            plan.warn_of(wanted);
        }
        plan.items.push(item);
    }
    let names: BTreeSet<&str> = plan.prepared.functions.iter().map(|wanted| wanted.name.as_str()).collect();
    let others: Vec<PlannedFunction> = deployed
        .functions()
        .filter(|function| !names.contains(function.name.as_str()))
        .filter_map(|function| function.left_out(&plan.prepared))
        .collect();
    plan.items.extend(others);
    plan.items.sort_by(|one, other| one.function.cmp(&other.function));
    let acknowledged = |name: &String| plan.prepared.acknowledge.contains(name);
    let unacknowledged = plan.unacknowledged.iter().filter(|name| !acknowledged(name)).cloned().collect();
    Ok(DeployPlan { unacknowledged, ..plan })
}

/// What is to be removed is there, and not deployed at once.
fn check_removals(prepared: &Prepared, deployed: &Deployed) -> Result<()> {
    let mut faults = Vec::new();
    for name in &prepared.remove {
        let message = if prepared.functions.iter().any(|wanted| wanted.name.as_str() == name) {
            format!("The function {name:?} is deployed and removed at once.")
        } else if deployed.function(name).is_none() {
            format!("There is no function {name:?}.")
        } else {
            continue;
        };
        faults.push(FieldError::new("/remove", "bad_removal", message));
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::new(Code::InvalidDefinition, "Some functions can't be removed, see errors.").with_errors(faults))
}

fn check_count(prepared: &Prepared, deployed: &Deployed) -> Result<()> {
    let new = prepared.functions.iter().filter(|wanted| deployed.function(wanted.name.as_str()).is_none()).count();
    let most = usize::try_from(MOST_FUNCTIONS).unwrap_or(usize::MAX);
    if new == 0 || deployed.functions().count() + new <= most {
        return Ok(());
    }
    Err(Error::new(Code::QuotaExceeded, format!("There are at most {most} functions.")))
}

impl DeployPlan {
    fn change(&mut self, wanted: &Wanted, index: usize, function: &Function) -> PlannedFunction {
        let (alias, kept) = (&self.prepared.alias, &function.kept);
        let shares = function.aliases.get(alias);
        let (seen, next) = (Some(function.rev.clone()), kept.last().map_or(1, |last| last.version + 1));
        let known = kept.iter().rev().find(|kept| kept.identity == wanted.identity).map(|kept| kept.version);
        let whole = shares.filter(|shares| shares.len() == 1).and_then(|shares| shares.first());
        if let Some(whole) = whole.filter(|share| Some(share.version.number) == known) {
            let version = whole.version.number;
            return PlannedFunction { version, seen, ..PlannedFunction::still(function, ChangeOfFunction::Unchanged) };
        }
        let former = shares.into_iter().flatten().max_by_key(|share| share.weight).map(|share| &share.version);
        let before = shares.and_then(|shares| access::of_shares(&function.name, alias, shares));
        let access = AccessChange::between(before, wanted.access(alias));
        // What comes new may be open from the start.
        let opened = former.is_some() && access.as_ref().is_some_and(AccessChange::is_opened_to_all);
        let broken = former.map(|former| breaking(&former.config, &wanted.config, opened)).unwrap_or_default();
        if opened {
            self.unacknowledged.push(format!("{}.invoke", wanted.name));
        }
        let change = if former.is_none() { ChangeOfFunction::Added } else { ChangeOfFunction::Changed };
        let planned = PlannedFunction::new(wanted, index, known.unwrap_or(next), change);
        let place = if known.is_some() { Place::Known } else { planned.place };
        PlannedFunction { seen, breaking: broken, access, place, ..planned }
    }

    /// Nothing ever happens in a collection that isn't there. What a manifest declares beside is not there yet.
    pub(super) fn warn_of_collections(&mut self, catalog: &Catalog) {
        if self.prepared.by == DeployedBy::Manifest || self.prepared.of_app {
            return;
        }
        for wanted in &self.prepared.functions {
            let (Trigger::Document { collection, .. } | Trigger::BeforeDocument { collection, .. }) =
                &wanted.config.trigger
            else {
                continue;
            };
            if catalog.collection(collection).is_none() {
                self.warnings
                    .push(format!("{} hears of the collection {collection:?}, which isn't there.", wanted.name));
            }
        }
    }

    /// Without its secret nobody believes what a function elsewhere is told.
    pub(super) fn warn_of_secrets(&mut self, is_set: impl Fn(&SecretName, &AliasName) -> bool) {
        for wanted in &self.prepared.functions {
            let Source::Remote(Remote { secret: Some(name), .. }) = &wanted.source else { continue };
            if !is_set(name, &self.prepared.alias) {
                let warning = format!("{} signs with the secret {:?}, which isn't set.", wanted.name, name.as_str());
                self.warnings.push(warning);
            }
        }
    }

    fn warn_of(&mut self, wanted: &Wanted) {
        if !wanted.config.is_called() {
            return;
        }
        let name = &wanted.name;
        if wanted.config.invoke.is_none() {
            self.warnings.push(format!("{name} has no invoke rule: only services and operators may call it."));
        } else if wanted.access(&self.prepared.alias).is_some_and(|access| access.visitor == Reach::Always) {
            self.warnings.push(format!("{name} may be called by everybody."));
        }
    }
}

impl PlannedFunction {
    fn new(wanted: &Wanted, index: usize, version: u32, change: ChangeOfFunction) -> Self {
        let function = wanted.name.clone();
        Self { function, change, version, breaking: Vec::new(), access: None, seen: None, place: Place::New(index) }
    }

    fn still(function: &Function, change: ChangeOfFunction) -> Self {
        let version = function.kept.last().map_or(0, |last| last.version);
        let (function, seen) = (function.name.clone(), Some(function.rev.clone()));
        Self { function, change, version, breaking: Vec::new(), access: None, seen, place: Place::Known }
    }
}

impl Function {
    fn stays(&self) -> PlannedFunction {
        PlannedFunction::still(self, ChangeOfFunction::Kept)
    }

    /// What becomes of a function that is not in what is deployed; `None` where the alias doesn't lead to it anyway.
    fn left_out(&self, prepared: &Prepared) -> Option<PlannedFunction> {
        let shares = self.aliases.get(&prepared.alias)?;
        let version = shares.iter().max_by_key(|share| share.weight).map_or(0, |share| share.version.number);
        if !prepared.remove.contains(self.name.as_str()) {
            return Some(PlannedFunction { version, ..self.stays() });
        }
        let removed = PlannedFunction::still(self, ChangeOfFunction::Removed);
        let breaking = vec!["The function is removed.".to_owned()];
        let before = access::of_shares(&self.name, &prepared.alias, shares);
        Some(PlannedFunction { version, breaking, access: AccessChange::between(before, None), ..removed })
    }
}
