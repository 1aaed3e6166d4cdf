//! The one commit of a deploy: versions, code and aliases, all of it or nothing.

use std::collections::BTreeMap;

use basalt_core::{Caller, Code, Document, Error, Result};
use basalt_store::{CellKey, Read};
use serde_json::{Map, Value, json};

use super::DeployedBy;
use super::plan::{ChangeOfFunction, DeployPlan, Place, PlannedFunction};
use super::prepare::Wanted;
use crate::common::names::{FUNCTION_VERSIONS, FUNCTIONS};
use crate::common::{Db, Entry, Flow, Trail, Tx, cell};
use crate::functions::Registry;
use crate::functions::code::{add_use, first_use_reads, register_read};
use crate::functions::names::AliasName;
use crate::functions::stored::{Share, StoredSource, StoredVersion};
use crate::functions::versions::{Edit, Removal};

/// What a manifest said of each function when it was last applied: its identity, by name.
pub(super) async fn applied(db: &Db) -> Result<BTreeMap<String, String>> {
    let stored = db.store().cell(&applied_key()).await?;
    Ok(stored.map(|cell| serde_json::from_value(cell.value)).transpose().map_err(Error::internal)?.unwrap_or_default())
}

/// Fails with `precondition_failed` where something was deployed since the plan was made.
pub(super) async fn commit(registry: &Registry, caller: &Caller, plan: &DeployPlan) -> Result<()> {
    let db = registry.db();
    let trail = Trail::new(db, caller);
    let (plan, by) = (plan.clone(), caller.actor());
    let decide = move |tx: &mut Tx<'_>| {
        tx.need(reads(&plan)?.into_iter().chain([trail.read()]))?;
        for code in plan.codes().into_iter().filter_map(|code| plan.prepared.codes.get(code)) {
            let reads = first_use_reads(tx, code)?;
            tx.want(reads);
        }
        let mut edits = Vec::new();
        for item in changed(&plan) {
            edits.push((item, edit(tx, item, &plan, &by)?));
        }
        let removal = Removal::of(edits.iter().map(|(_, edit)| edit));
        removal.read(tx)?;
        for (item, edit) in edits {
            if let Place::New(index) = item.place {
                let wanted = plan.prepared.functions.get(index).ok_or_else(|| Error::internal("a plan is odd"))?;
                create(tx, item, wanted, &plan, &by)?;
            }
            edit.write(tx)?;
        }
        removal.write(tx)?;
        if plan.prepared.by == DeployedBy::Manifest {
            let said = plan.prepared.functions.iter().map(|wanted| (wanted.name.to_string(), wanted.identity.clone()));
            let said = json!(said.collect::<BTreeMap<_, _>>());
            if tx.cell(&applied_key())?.as_ref() != Some(&said) {
                tx.put_cell(&applied_key(), said, None);
            }
        }
        if plan.changes_nothing() {
            return Ok(());
        }
        trail.note(tx, entry(&plan))
    };
    db.commit(caller, decide).await.map(drop)
}

fn changed(plan: &DeployPlan) -> impl Iterator<Item = &PlannedFunction> {
    let changes = [ChangeOfFunction::Added, ChangeOfFunction::Changed, ChangeOfFunction::Removed];
    plan.items.iter().filter(move |item| changes.contains(&item.change))
}

fn reads(plan: &DeployPlan) -> Result<Vec<Read>> {
    let mut reads = Vec::new();
    for item in changed(plan) {
        reads.push(Read::Document { collection: FUNCTIONS.clone(), id: item.function.id()? });
        if item.place != Place::Known {
            let id = item.function.version_id(item.version)?;
            reads.push(Read::Document { collection: FUNCTION_VERSIONS.clone(), id });
        }
    }
    for code in plan.codes() {
        reads.push(register_read(code)?);
    }
    if plan.prepared.by == DeployedBy::Manifest {
        reads.push(cell(&applied_key()));
    }
    Ok(reads)
}

/// What becomes of the function's own document.
fn edit(tx: &mut Tx<'_>, item: &PlannedFunction, plan: &DeployPlan, by: &basalt_core::Actor) -> Flow<Edit> {
    let mut edit = Edit::open(tx, &item.function, item.seen.as_ref())?;
    let (alias, now) = (&plan.prepared.alias, tx.now());
    if item.change == ChangeOfFunction::Removed {
        edit.point(alias, Vec::new(), by, now);
        return Ok(edit);
    }
    if let Place::New(index) = item.place {
        let wanted = plan.prepared.functions.get(index).ok_or_else(|| Error::internal("a plan is odd"))?;
        edit.add_version(item.version, wanted.kind, wanted.identity.clone(), wanted.code.clone());
    }
    edit.point(alias, vec![Share { version: item.version, weight: 100 }], by, now);
    Ok(edit)
}

fn create(
    tx: &mut Tx<'_>,
    item: &PlannedFunction,
    wanted: &Wanted,
    plan: &DeployPlan,
    by: &basalt_core::Actor,
) -> Flow<()> {
    let id = item.function.version_id(item.version)?;
    let stored = StoredVersion {
        function: item.function.clone(),
        version: item.version,
        kind: wanted.kind,
        subject: wanted.subject.clone(),
        options: wanted.options.clone(),
        source: StoredSource::from(&wanted.source),
        code: wanted.code.clone(),
        env: wanted.env.clone(),
        egress: wanted.egress.clone(),
        identity: wanted.identity.clone(),
        by: by.clone(),
    };
    tx.create(&FUNCTION_VERSIONS, &id, stored.to_data()?)?;
    if let Some(code) = wanted.code.as_ref().and_then(|code| plan.prepared.codes.get(code)) {
        add_use(tx, code, id.as_str())?;
    }
    Ok(())
}

fn entry(plan: &DeployPlan) -> Entry {
    let changes = changed(plan)
        .map(|item| (item.function.to_string(), json!({ "change": item.change.as_str(), "version": item.version })));
    let after: Map<String, Value> = changes.collect();
    let target = ("alias", plan.prepared.alias.to_string());
    Entry { action: "functions.deploy", target, before: None, after: Some(after) }
}

fn applied_key() -> CellKey {
    CellKey::new("_functions", "applied")
}

/// For the one who deletes a function whole.
pub(in crate::functions) fn deletion(name: &str, document: &Document) -> Entry {
    let target = ("function", name.to_owned());
    Entry { action: "functions.delete", target, before: Some(document.data.clone()), after: None }
}

/// For the one who moves an alias.
pub(in crate::functions) fn moved(name: &str, alias: &AliasName, from: &[Share], to: &[Share]) -> Entry {
    let told = |shares: &[Share]| {
        let map = Map::from_iter([("versions".to_owned(), json!(shares))]);
        (!shares.is_empty()).then_some(map)
    };
    let target = ("function", format!("{name}@{alias}"));
    Entry { action: "functions.alias", target, before: told(from), after: told(to) }
}

/// What a decision is refused with that was made on another state.
pub(in crate::functions) fn outdated() -> Error {
    Error::new(Code::PreconditionFailed, "Something was deployed meanwhile.")
}
