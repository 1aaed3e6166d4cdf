//! What applying definitions would do, worked out without doing it.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::document::pointer_token;
use basalt_core::filter::Filter;
use basalt_core::{BucketName, Code, CollectionName, Error, FieldError, Result};
use basalt_store::{Catalog, CatalogChange, Collection, IndexSpec, IndexState};
use serde_json::Value;

use super::applied::Applied;
use super::buckets::{self, Bucket};
use super::builtin::{Builtin, Builtins};
use super::compiled::compile;
use super::definition::Definition;
use super::indexes;
use super::references::{Holding, Inverse, OnDelete, Reference};
use crate::declared::Problems;
use crate::rules::{Access, CompiledRules, Finding, RuleOp, RuleTexts, access, is_open, lint};

/// How definitions are applied.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    pub coverage: Coverage,
    pub removals: Removals,
    /// What manifests have applied before, where this is one.
    pub applied: Applied,
}

/// Whether the definitions are all that there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// A manifest: what isn't in it is kept, and said to be.
    Whole,
    /// Some collections; nothing is said of the others.
    Part,
}

/// What may be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removals {
    /// These: `notes` (a collection with its documents), `notes.secret` (what guards a field).
    Named(BTreeSet<String>),
    /// What guards fields, too: the definition was edited as a whole. (Never a collection.)
    FieldGuards,
    /// A bucket, which is empty.
    Bucket(BucketName),
}

impl PlanOptions {
    /// A manifest's, with what it may remove.
    pub fn whole(removals: impl IntoIterator<Item = String>) -> Self {
        Self {
            coverage: Coverage::Whole,
            removals: Removals::Named(removals.into_iter().collect()),
            applied: Applied::default(),
        }
    }

    /// One collection's, edited as a whole.
    pub fn part() -> Self {
        Self { coverage: Coverage::Part, removals: Removals::FieldGuards, applied: Applied::default() }
    }
}

/// What applying would do. Applying it is idempotent: the same content changes nothing.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of the catalog that it was made on.
    pub epoch: u64,
    pub items: Vec<PlanItem>,
    /// Who can do what under these definitions.
    pub access: Vec<Access>,
    /// Rules that look like mistakes.
    pub warnings: Vec<Finding>,
    /// Why it can't be applied as it is.
    pub refusals: Vec<FieldError>,
    pub(super) changes: Vec<CatalogChange>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlanItem {
    pub name: CollectionName,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Added,
    /// What is different: `schema`, `rules.update`, `indexes` …
    Changed(Vec<String>),
    Unchanged,
    /// Not in the manifest, and there.
    Kept,
    /// An operator changed it after the manifest that says this was applied: what he deployed stays.
    Deployed,
    /// With its documents.
    Removed,
}

impl Plan {
    pub fn changes_nothing(&self) -> bool {
        self.changes.is_empty()
    }

    /// The refusals as one error, if there are any.
    pub fn refused(&self) -> Option<Error> {
        if self.refusals.is_empty() {
            return None;
        }
        let detail = "The plan is refused: something in it has to be acknowledged or named first.";
        Some(Error::new(Code::PlanRefused, detail).with_errors(self.refusals.clone()))
    }
}

/// Makes the plan; invalid definitions are an error with every problem.
pub(super) fn make(
    catalog: &Catalog,
    builtins: &Builtins,
    desired: &[Definition],
    options: &PlanOptions,
) -> Result<Plan> {
    let mut planning = Planning {
        catalog,
        builtins,
        options,
        problems: Problems::default(),
        plan: Plan {
            epoch: catalog.epoch,
            items: Vec::new(),
            access: Vec::new(),
            warnings: Vec::new(),
            refusals: Vec::new(),
            changes: Vec::new(),
        },
    };
    let wanted: BTreeMap<&CollectionName, &Definition> = desired.iter().map(|d| (&d.name, d)).collect();
    for definition in wanted.values() {
        planning.define(definition, &wanted);
    }
    planning.leave_or_remove(&wanted);
    if !planning.problems.is_empty() {
        return Err(planning.problems.into_error("A definition"));
    }
    planning.plan.items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(planning.plan)
}

struct Planning<'a> {
    catalog: &'a Catalog,
    builtins: &'a Builtins,
    options: &'a PlanOptions,
    problems: Problems,
    plan: Plan,
}

impl Planning<'_> {
    fn define(&mut self, declared: &Definition, wanted: &BTreeMap<&CollectionName, &Definition>) {
        let name = &declared.name;
        let stored = self.catalog.collection(name);
        let before = stored.and_then(|stored| Definition::parse(name, &stored.definition).ok());
        let dropped = match &self.options.removals {
            Removals::Bucket(bucket) => Some(bucket),
            Removals::Named(_) | Removals::FieldGuards => None,
        };
        let definition = &declared.over_stored(before.as_ref(), dropped);
        let path = format!("/collections/{}", pointer_token(name.as_str()));
        let builtin = self.builtins.get(name);
        if name.is_system() {
            self.problems.add(&path, "bad_name", "Collections of the system can't be declared.");
            return;
        }
        self.check_ruled(definition, builtin, &path);
        self.check_links(definition, wanted, &path);
        let Some(parts) = compile(definition, builtin, &path, &mut self.problems) else { return };
        if before.is_some_and(|before| self.options.applied.is_older(declared, &before)) {
            self.plan.items.push(PlanItem { name: name.clone(), action: Action::Deployed });
            return;
        }
        let indexes = indexes::effective(definition, builtin, &parts.rules);
        let scans = |filter: &Filter| indexes::scans(name, &indexes, filter);
        if parts.buckets.is_empty() {
            self.plan.access.extend(access(&parts.rules));
            self.plan.warnings.extend(lint(&parts.rules, &scans));
            self.check_open((&definition.rules, &definition.acknowledge), &parts.rules, &path);
        }
        for (bucket, rules) in &parts.buckets {
            self.plan.access.extend(buckets::access(bucket, rules));
            self.plan.warnings.extend(buckets::lint(bucket, rules));
            let Bucket { rules: texts, acknowledge, .. } = &*definition.buckets[bucket];
            self.check_open((texts, acknowledge), rules, &format!("{path}/buckets/{bucket}"));
        }
        if let Some(stored) = stored {
            self.check_guards(definition, stored, &path);
        }
        let action = compare(definition, &indexes, stored.map(AsRef::as_ref));
        if action != Action::Unchanged {
            let definition = definition.to_json();
            self.plan.changes.push(CatalogChange::Put { name: name.clone(), definition, indexes });
        }
        self.plan.items.push(PlanItem { name: name.clone(), action });
    }

    /// References lead to collections that are there, and back references come from references that lead here.
    fn check_links(&mut self, definition: &Definition, wanted: &BTreeMap<&CollectionName, &Definition>, path: &str) {
        let built_in = self.builtins.get(&definition.name).is_some();
        for (field, Reference { to, on_delete }) in &definition.references {
            let fault = match on_delete {
                OnDelete::Cascade if built_in => Some("Documents of this collection are deleted by their own doors."),
                action => definition.fault_of(field, *action),
            };
            if let Some(fault) = fault {
                let path = format!("{path}/references/{}/onDelete", pointer_token(&field.to_string()));
                self.problems.add(&path, "bad_reference", fault);
            }
            let known = wanted.contains_key(to) || self.catalog.collection(to).is_some();
            if !known && self.builtins.get(to).is_none() {
                let path = format!("{path}/references/{}", pointer_token(&field.to_string()));
                self.problems.add(&path, "bad_reference", format!("There is no collection {to:?}."));
            }
        }
        for (name, Inverse { collection, path: field }) in &definition.inverse {
            let stored = || {
                let stored = self.catalog.collection(collection)?;
                Definition::parse(collection, &stored.definition).ok()
            };
            let other = wanted.get(collection).map(|wanted| (*wanted).clone()).or_else(stored);
            let leads_here = |reference: &Reference| reference.to == definition.name;
            let path = format!("{path}/inverse/{}", pointer_token(name));
            match other.as_ref().map(|other| (other.references.get(field), other.holding(field))) {
                Some((Some(reference), Holding::InElements)) if leads_here(reference) => {
                    let message = format!("{field} is within the elements of a list: it can't be found from here.");
                    self.problems.add(&path, "bad_reference", message);
                }
                Some((Some(reference), _)) if leads_here(reference) => {}
                _ => {
                    let message = format!("{collection} has no reference {field} to {}.", definition.name);
                    self.problems.add(&path, "bad_reference", message);
                }
            }
        }
    }

    /// Of a built-in collection an app rules only what its room leaves to it.
    fn check_ruled(&mut self, definition: &Definition, builtin: Option<&Builtin>, path: &str) {
        let Some(builtin) = builtin else { return };
        for (op, text) in &definition.rules.operations {
            if !builtin.ruled.contains(op) {
                let message = format!("{:?} of {:?} is the server's own: it has no rule.", op.as_str(), builtin.name);
                self.problems.add(&format!("{path}/rules/{}", text.key), "not_ruled", message);
            }
        }
    }

    /// A write rule that lets everybody through has to be acknowledged.
    fn check_open(
        &mut self,
        (texts, acknowledged): (&RuleTexts, &BTreeSet<RuleOp>),
        rules: &CompiledRules,
        path: &str,
    ) {
        for (op, text) in &texts.operations {
            let open = op.is_write() && rules.operation(*op).is_some_and(is_open);
            if open && !acknowledged.contains(op) {
                let message = format!(
                    "This lets everybody {} documents, without signing in. If that is meant, say \
                     acknowledge = [\"{}\"] beside the rules.",
                    op.as_str(),
                    op.as_str()
                );
                let path = format!("{path}/rules/{}", text.key);
                self.plan.refusals.push(FieldError::new(path, "acknowledgement_needed", message));
            }
        }
    }

    /// What guards a field isn't dropped by leaving it out of a manifest.
    fn check_guards(&mut self, definition: &Definition, stored: &Collection, path: &str) {
        let Removals::Named(named) = &self.options.removals else { return };
        let Ok(before) = Definition::parse(&stored.name, &stored.definition) else { return };
        let dropped = |field: &&String| {
            let old = before.rules.fields.get(*field);
            let new = definition.rules.fields.get(*field);
            let rule_gone = old.is_some_and(|old| {
                (old.read.is_some() && new.is_none_or(|new| new.read.is_none()))
                    || (old.write.is_some() && new.is_none_or(|new| new.write.is_none()))
            });
            let shown = before.hidden.contains(*field) && !definition.hidden.contains(*field);
            rule_gone || shown
        };
        let fields: BTreeSet<&String> = before.rules.fields.keys().chain(&before.hidden).collect();
        for field in fields.into_iter().filter(dropped) {
            let name = format!("{}.{field}", definition.name);
            if !named.contains(&name) {
                let path = format!("{path}/rules/fields/{}", pointer_token(field));
                let message = format!("This drops what guards the field {field:?}; name {name:?} to remove it.");
                self.plan.refusals.push(FieldError::new(path, "removal_needed", message));
            }
        }
    }

    fn leave_or_remove(&mut self, wanted: &BTreeMap<&CollectionName, &Definition>) {
        let named = match &self.options.removals {
            Removals::Named(named) => named.clone(),
            Removals::FieldGuards | Removals::Bucket(_) => BTreeSet::new(),
        };
        for name in self.catalog.collections.keys().filter(|name| !name.is_system()) {
            let wanted = wanted.contains_key(name);
            let path = format!("/collections/{}", pointer_token(name.as_str()));
            match named.contains(name.as_str()) {
                true if wanted => self.problems.add(&path, "ambiguous", "This collection is declared and removed."),
                true if self.builtins.get(name).is_some() => {
                    self.problems.add(&path, "built_in", "A built-in collection can't be removed.");
                }
                true => {
                    self.plan.changes.push(CatalogChange::Drop { name: name.clone() });
                    self.plan.items.push(PlanItem { name: name.clone(), action: Action::Removed });
                }
                false if wanted || self.options.coverage == Coverage::Part || self.builtins.get(name).is_some() => {}
                false => self.plan.items.push(PlanItem { name: name.clone(), action: Action::Kept }),
            }
        }
    }
}

fn compare(definition: &Definition, indexes: &[IndexSpec], stored: Option<&Collection>) -> Action {
    let Some(stored) = stored else { return Action::Added };
    let after = definition.to_json();
    let mut what = differences(&stored.definition, &after);
    let before: BTreeSet<String> = stored.indexes.iter().map(|index| format!("{:?}", index.spec)).collect();
    let wanted: BTreeSet<String> = indexes.iter().map(|index| format!("{index:?}")).collect();
    if before != wanted && !what.iter().any(|part| part == "indexes") {
        what.push("indexes (automatic)".to_owned());
    }
    // To ask again for what failed is to try again, whatever else is the same.
    if stored.indexes.iter().any(|index| matches!(index.state, IndexState::Failed(_))) {
        what.push("indexes (failed, tried again)".to_owned());
    }
    if what.is_empty() { Action::Unchanged } else { Action::Changed(what) }
}

/// The parts of two definitions that differ; of the rules each by itself.
fn differences(before: &Value, after: &Value) -> Vec<String> {
    let keys = |a: &Value, b: &Value| -> BTreeSet<String> {
        [a, b].into_iter().filter_map(Value::as_object).flat_map(|map| map.keys().cloned()).collect()
    };
    let mut what = Vec::new();
    for key in keys(before, after) {
        let (old, new) = (&before[&key], &after[&key]);
        if old == new {
            continue;
        }
        if key == "rules" || key == "buckets" {
            let changed = keys(old, new).into_iter().filter(|part| old[part] != new[part]);
            what.extend(changed.map(|part| format!("{key}.{part}")));
        } else {
            what.push(key);
        }
    }
    what
}

/// The catalog changes that bring the built-in collections to what their rooms need; what an app declared of them stays.
pub(super) fn for_builtins(catalog: &Catalog, builtins: &Builtins) -> Result<Vec<CatalogChange>> {
    let mut changes = Vec::new();
    for builtin in builtins.iter() {
        let stored = catalog.collection(&builtin.name);
        let definition = match stored {
            Some(stored) => Definition::parse(&builtin.name, &stored.definition)?,
            None => Definition::empty(builtin.name.clone()),
        };
        let mut problems = Problems::default();
        let Some(parts) = compile(&definition, Some(builtin), "", &mut problems) else {
            return Err(problems.into_error(&format!("The stored definition of {}", builtin.name)));
        };
        let indexes = indexes::effective(&definition, Some(builtin), &parts.rules);
        if compare(&definition, &indexes, stored.map(AsRef::as_ref)) != Action::Unchanged {
            let definition = definition.to_json();
            changes.push(CatalogChange::Put { name: builtin.name.clone(), definition, indexes });
        }
    }
    Ok(changes)
}
