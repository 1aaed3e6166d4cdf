//! Declaring schedules: by the admin API, and by an app's manifest.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::document::pointer_token;
use basalt_core::{Caller, Code, DocumentId, Error, Result};
use basalt_data::manifest::ScheduleSection;
use basalt_store::{CellKey, Read};
use serde_json::{Map, Value};

use super::{MOST, ScheduleInfo, Schedules, Source, definition, id, list, state_key};
use crate::common::names::SCHEDULES;
use crate::common::{Entry, Flow, Trail, Tx, cell};

/// Who declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Call,
    /// What it said already when it was last applied is left as it is: an operator may have changed or removed it since.
    Manifest,
}

/// What a declaration would do to a schedule, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Changed,
    Unchanged,
    /// It isn't declared here, and stays.
    Kept,
    Removed,
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept",
            Self::Removed => "removed",
        }
    }
}

/// A definition under its id, and where it is told.
type Wanted = (DocumentId, ScheduleSection, Trail);

impl Schedules {
    /// Declares a schedule or changes it; the same content changes nothing.
    pub async fn put(&self, caller: &Caller, name: &str, body: &Value) -> Result<ScheduleInfo> {
        crate::common::rights::admin_own(caller)?;
        let schedule = definition::parse(body)?;
        let named = BTreeMap::from([(name.to_owned(), schedule)]);
        self.declare(caller, &named, &BTreeSet::new(), Origin::Call).await?;
        self.get(caller, name).await
    }

    pub async fn delete(&self, caller: &Caller, name: &str) -> Result<()> {
        crate::common::rights::admin_own(caller)?;
        let known = self.known(name).await?;
        if known.source == Source::Function {
            let detail = "The schedule comes with its function: change that, or declare one of the same name.";
            return Err(Error::new(Code::Referenced, detail));
        }
        self.declare(caller, &BTreeMap::new(), &BTreeSet::from([name.to_owned()]), Origin::Call).await
    }

    /// What [`Schedules::declare_manifest`] would do; refuses what it would refuse, and writes nothing.
    pub async fn plan_manifest(
        &self,
        caller: &Caller,
        schedules: &BTreeMap<String, ScheduleSection>,
        remove: &BTreeSet<String>,
    ) -> Result<Vec<(String, &'static str)>> {
        crate::common::rights::admin_own(caller)?;
        check(schedules)?;
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        let documents = self.db().store().list(list()).await?.documents;
        for document in &documents {
            let name = document.id.to_string();
            let change = match schedules.get(&name) {
                Some(schedule) if definition::to_data(schedule) == document.data => Change::Unchanged,
                Some(_) => Change::Changed,
                None if remove.contains(&name) => Change::Removed,
                None => Change::Kept,
            };
            changes.insert(name, change);
        }
        for name in schedules.keys() {
            changes.entry(name.clone()).or_insert(Change::Added);
        }
        check_count(changes.values().filter(|change| **change != Change::Removed).count())?;
        Ok(changes.into_iter().map(|(name, change)| (name, change.as_str())).collect())
    }

    /// Declares an app's schedules, and removes those that are named; others stay as they are. All or nothing.
    pub async fn declare_manifest(
        &self,
        caller: &Caller,
        schedules: &BTreeMap<String, ScheduleSection>,
        remove: &BTreeSet<String>,
        origin: Origin,
    ) -> Result<()> {
        crate::common::rights::admin_own(caller)?;
        if schedules.is_empty() && remove.is_empty() {
            return Ok(());
        }
        check(schedules)?;
        self.declare(caller, schedules, remove, origin).await
    }

    async fn declare(
        &self,
        caller: &Caller,
        schedules: &BTreeMap<String, ScheduleSection>,
        remove: &BTreeSet<String>,
        origin: Origin,
    ) -> Result<()> {
        let known: BTreeSet<String> =
            self.db().store().list(list()).await?.documents.iter().map(|it| it.id.to_string()).collect();
        let new = schedules.keys().filter(|name| !known.contains(*name)).count();
        check_count(known.len() + new)?;
        let trail = || Trail::new(self.db(), caller);
        let wanted = schedules.iter().map(|(name, schedule)| Ok((id(name)?, schedule.clone(), trail())));
        let wanted: Vec<Wanted> = wanted.collect::<Result<_>>()?;
        let removed = remove.iter().filter(|name| !schedules.contains_key(*name));
        let removed: Vec<(DocumentId, Trail)> = removed.map(|name| Ok((id(name)?, trail()))).collect::<Result<_>>()?;
        let decide = move |tx: &mut Tx<'_>| {
            let puts = wanted.iter().flat_map(|(id, _, trail)| [read(id), trail.read()]);
            let goes = removed.iter().flat_map(|(id, trail)| [read(id), trail.read()]);
            tx.need(puts.chain(goes).chain([cell(&applied_key())]))?;
            let wanted = match origin {
                Origin::Call => wanted.iter().collect(),
                Origin::Manifest => newly_said(tx, &wanted)?,
            };
            wanted.into_iter().try_for_each(|wanted| put(tx, wanted))?;
            removed.iter().try_for_each(|(id, trail)| remove_one(tx, id, trail))
        };
        self.db().commit(caller, decide).await.map(drop)
    }
}

fn put(tx: &mut Tx<'_>, (id, schedule, trail): &Wanted) -> Flow<()> {
    let data = definition::to_data(schedule);
    let former = tx.document(&SCHEDULES, id)?;
    let before = former.as_ref().map(|document| document.data.clone());
    if before.as_ref() == Some(&data) {
        return Ok(());
    }
    match former {
        Some(former) => drop(tx.update(&SCHEDULES, &former, data.clone())),
        None => drop(tx.create(&SCHEDULES, id, data.clone())?),
    }
    trail.note(tx, entry("schedules.put", id, before, Some(data)))
}

/// With what is known of its ticks and runs.
fn remove_one(tx: &mut Tx<'_>, id: &DocumentId, trail: &Trail) -> Flow<()> {
    let Some(document) = tx.document(&SCHEDULES, id)? else { return Ok(()) };
    tx.delete(&SCHEDULES, &document);
    tx.delete_cell(&state_key(id.as_str()));
    trail.note(tx, entry("schedules.delete", id, Some(document.data.clone()), None))
}

/// What the manifest says otherwise than when it was last applied, which this is noted to be.
fn newly_said<'a>(tx: &mut Tx<'_>, wanted: &'a [Wanted]) -> Flow<Vec<&'a Wanted>> {
    let applied = tx.cell(&applied_key())?.unwrap_or_default();
    let is_new =
        |(id, schedule, _): &&Wanted| applied.get(id.as_str()) != Some(&Value::Object(definition::to_data(schedule)));
    let new: Vec<&Wanted> = wanted.iter().filter(is_new).collect();
    if !new.is_empty() {
        let now = wanted.iter().map(|(id, schedule, _)| (id.to_string(), Value::Object(definition::to_data(schedule))));
        tx.put_cell(&applied_key(), Value::Object(now.collect()), None);
    }
    Ok(new)
}

/// What a manifest said when it was last applied.
fn applied_key() -> CellKey {
    CellKey::new("_schedules", "applied")
}

fn check(schedules: &BTreeMap<String, ScheduleSection>) -> Result<()> {
    let faults = schedules
        .iter()
        .flat_map(|(name, schedule)| definition::faults(schedule, &format!("/schedules/{}", pointer_token(name))));
    let faults: Vec<_> = faults.collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::new(Code::InvalidDefinition, "A schedule is not valid.").with_errors(faults))
}

fn check_count(count: usize) -> Result<()> {
    if count > MOST {
        return Err(Error::new(Code::QuotaExceeded, format!("There are at most {MOST} schedules.")));
    }
    Ok(())
}

fn read(id: &DocumentId) -> Read {
    Read::Document { collection: SCHEDULES.clone(), id: id.clone() }
}

fn entry(
    action: &'static str,
    id: &DocumentId,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Entry {
    Entry { action, target: ("schedule", id.to_string()), before, after }
}
