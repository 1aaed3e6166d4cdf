//! The channels that are declared: documents of `_channels`, whose changes let every node read them anew.

use std::sync::{Arc, PoisonError, RwLock};

use basalt_core::filter::Filter;
use basalt_core::{Caller, Code, Document, DocumentId, Error, Result, Seq, Timestamp};
use basalt_data::channels::{Channels, Definition, Pattern};
use basalt_store::{CellKey, List, Read, Store};
use serde_json::{Map, Value};

use crate::common::names::CHANNELS;
use crate::common::{Db, Entry, Flow, Trail, Tx, cell, rights};

/// Patterns of one server.
const MOST: usize = 500;

/// What is declared, as of one place in the log.
#[derive(Default)]
pub(crate) struct Declared {
    pub(crate) channels: Channels,
    pub(crate) since: Seq,
}

/// What this node knows of it; all clones see the same.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<RwLock<Arc<Declared>>>);

/// A pattern's entry as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    pub definition: Definition,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Who declares.
#[derive(Clone, Copy)]
pub(crate) enum From {
    Call,
    Manifest,
}

/// A definition under its id, and where it is told.
type Wanted = (DocumentId, Definition, Trail);

impl Known {
    pub(crate) fn get(&self) -> Arc<Declared> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what is declared now.
    pub(crate) async fn reload(&self, store: &Store) -> Result<()> {
        let (page, end) = store.list_with_end(all()).await?;
        let definitions = page.documents.iter().map(definition).collect::<Result<Vec<_>>>()?;
        let (channels, closed) = Channels::new(definitions);
        for pattern in closed {
            tracing::error!(
                pattern = pattern.as_str(),
                "the stored rules of a channel are not valid: nobody may use it"
            );
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if end >= known.since {
            *known = Arc::new(Declared { channels, since: end });
        }
        Ok(())
    }
}

/// All patterns, by name.
pub(crate) async fn list(db: &Db, caller: &Caller) -> Result<Vec<ChannelInfo>> {
    rights::admin_read(caller)?;
    let mut infos = db.store().list(all()).await?.documents.iter().map(info).collect::<Result<Vec<_>>>()?;
    infos.sort_by(|one, other| one.definition.pattern.as_str().cmp(other.definition.pattern.as_str()));
    Ok(infos)
}

pub(crate) async fn get(db: &Db, caller: &Caller, pattern: &Pattern) -> Result<ChannelInfo> {
    rights::admin_read(caller)?;
    let document = db.store().document(&CHANNELS, &id(pattern)?).await?;
    let found = document.as_ref().map(info).transpose()?.filter(|found| found.definition.pattern == *pattern);
    found.ok_or_else(not_found)
}

/// Declares several at once, all or none; the same content changes nothing, and a pattern that the same names fit is
/// replaced. What a manifest said already when it was
/// last applied is left as it is: an operator may have changed or removed it since.
pub(crate) async fn declare(db: &Db, caller: &Caller, definitions: Vec<Definition>, from: From) -> Result<()> {
    rights::admin_own(caller)?;
    let count = db.store().list(all()).await?.documents.len();
    if count + definitions.len() > MOST + definitions.len().min(1) {
        return Err(Error::new(Code::QuotaExceeded, format!("There are at most {MOST} patterns of channels.")));
    }
    let wanted =
        definitions.into_iter().map(|definition| Ok((id(&definition.pattern)?, definition, Trail::new(db, caller))));
    let wanted: Vec<Wanted> = wanted.collect::<Result<_>>()?;
    let decide = move |tx: &mut Tx<'_>| {
        tx.need(wanted.iter().flat_map(|(id, _, trail)| [read(id), trail.read()]).chain([cell(&applied_key())]))?;
        let wanted = match from {
            From::Call => wanted.iter().collect(),
            From::Manifest => newly_said(tx, &wanted)?,
        };
        wanted.into_iter().try_for_each(|wanted| put(tx, wanted))
    };
    db.commit(caller, decide).await.map(drop)
}

/// Nobody may use such channels from now on.
pub(crate) async fn delete(db: &Db, caller: &Caller, pattern: &Pattern) -> Result<()> {
    rights::admin_own(caller)?;
    let (id, pattern, trail) = (id(pattern)?, pattern.as_str().to_owned(), Trail::new(db, caller));
    let decide = move |tx: &mut Tx<'_>| {
        tx.need([read(&id), trail.read()])?;
        let document = tx
            .document(&CHANNELS, &id)?
            .filter(|document| document.data.get("pattern") == Some(&pattern.as_str().into()));
        let Some(document) = document else { return Err(not_found().into()) };
        tx.delete(&CHANNELS, &document);
        trail.note(tx, entry("channels.delete", &pattern, Some(document.data.clone()), None))
    };
    db.commit(caller, decide).await.map(drop)
}

fn put(tx: &mut Tx<'_>, (id, definition, trail): &Wanted) -> Flow<()> {
    let (data, pattern) = (to_data(definition), definition.pattern.as_str());
    let former = tx.document(&CHANNELS, id)?;
    let before = former.as_ref().map(|document| document.data.clone());
    if before.as_ref() == Some(&data) {
        return Ok(());
    }
    match former {
        Some(former) => drop(tx.update(&CHANNELS, &former, data.clone())),
        None => drop(tx.create(&CHANNELS, id, data.clone())?),
    }
    trail.note(tx, entry("channels.put", pattern, before, Some(data)))
}

/// What the manifest says otherwise than when it was last applied, which this is noted to be.
fn newly_said<'a>(tx: &mut Tx<'_>, wanted: &'a [Wanted]) -> Flow<Vec<&'a Wanted>> {
    let applied = tx.cell(&applied_key())?.unwrap_or_default();
    let is_new = |(id, definition, _): &&Wanted| applied.get(id.as_str()) != Some(&Value::Object(to_data(definition)));
    let new: Vec<&Wanted> = wanted.iter().filter(is_new).collect();
    if !new.is_empty() {
        let now = wanted.iter().map(|(id, definition, _)| (id.to_string(), Value::Object(to_data(definition))));
        tx.put_cell(&applied_key(), Value::Object(now.collect()), None);
    }
    Ok(new)
}

/// What a manifest said when it was last applied.
fn applied_key() -> CellKey {
    CellKey::new("_channels", "applied")
}

fn all() -> List {
    let limit = u32::try_from(MOST).unwrap_or(u32::MAX);
    List {
        collection: CHANNELS.clone(),
        filter: Filter::True,
        search: None,
        sort: Vec::new(),
        limit,
        after: None,
        count: false,
    }
}

fn id(pattern: &Pattern) -> Result<DocumentId> {
    DocumentId::parse(&pattern.key())
}

fn read(id: &DocumentId) -> Read {
    Read::Document { collection: CHANNELS.clone(), id: id.clone() }
}

fn to_data(definition: &Definition) -> Map<String, Value> {
    let mut data = definition.to_json();
    data.insert("pattern".to_owned(), definition.pattern.as_str().into());
    data
}

/// Its rules may be another version's; see [`Channels::new`].
fn definition(document: &Document) -> Result<Definition> {
    let pattern = document.data.get("pattern").and_then(Value::as_str).unwrap_or_default();
    let pattern = Pattern::parse(pattern).map_err(Error::internal)?;
    let rule = |name: &str| Some(document.data.get("rules")?.get(name)?.as_str()?.to_owned());
    Ok(Definition {
        pattern,
        rules: basalt_data::rules::ChannelRuleTexts { join: rule("join"), publish: rule("publish") },
    })
}

fn info(document: &Document) -> Result<ChannelInfo> {
    let Document { created_at, updated_at, .. } = *document;
    Ok(ChannelInfo { definition: definition(document)?, created_at, updated_at })
}

fn not_found() -> Error {
    Error::new(Code::ChannelNotFound, "There is no such pattern of channels.")
}

fn entry(
    action: &'static str,
    pattern: &str,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Entry {
    Entry { action, target: ("channel", pattern.to_owned()), before, after }
}
