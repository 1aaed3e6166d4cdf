//! Declaring webhooks and taking them back.

use std::collections::BTreeMap;

use basalt_core::{Caller, Code, Document, DocumentId, Error, Result};
use basalt_outbound::SigningSecret;
use basalt_store::Read;
use serde_json::{Map, Value};

use super::definition::{Definition, Wanted};
use super::secrets::{self, Opened, Sealed};
use super::stored::{self, WebhookInfo, not_found, to_data};
use super::{MOST, Webhooks};
use crate::common::names::WEBHOOKS;
use crate::common::{Entry, Flow, Sealer, Secret, Trail, Tx, cell, rights};

/// One webhook as it is to be, with everything random drawn.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) name: DocumentId,
    pub(super) definition: Definition,
    pub(super) headers: Option<(BTreeMap<String, String>, String)>,
    /// Given, and sealed.
    pub(super) secret: Option<(SigningSecret, String)>,
    /// For one that is new.
    pub(super) fresh: (SigningSecret, String),
    pub(super) trail: Trail,
}

impl Webhooks {
    /// Declares a new one, under its name or one that is made. Its secret is in this answer only.
    pub async fn create(
        &self,
        caller: &Caller,
        name: Option<DocumentId>,
        wanted: Wanted,
    ) -> Result<(WebhookInfo, Secret)> {
        let name = name.unwrap_or_else(|| self.inner.db.new_id());
        match self.write(caller, name, wanted, true).await? {
            (info, Some(secret)) => Ok((info, secret)),
            (_, None) => Err(Error::internal("a new webhook has a secret")),
        }
    }

    /// Declares one or changes it, the whole of it but for what is written only; the same content changes nothing. One
    /// that the server switched off is on again. With a secret where it is a new one.
    pub async fn put(
        &self,
        caller: &Caller,
        name: &DocumentId,
        wanted: Wanted,
    ) -> Result<(WebhookInfo, Option<Secret>)> {
        self.write(caller, name.clone(), wanted, false).await
    }

    /// Nothing is delivered to it from now on.
    pub async fn delete(&self, caller: &Caller, name: &DocumentId) -> Result<()> {
        rights::admin_own(caller)?;
        let (name, trail) = (name.clone(), Trail::new(&self.inner.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([document(&name), cell(&secrets::key(&name)), trail.read()])?;
            if remove(tx, &name, &trail)? { Ok(()) } else { Err(not_found().into()) }
        };
        self.inner.db.commit(caller, decide).await?;
        self.reload().await
    }

    async fn write(
        &self,
        caller: &Caller,
        name: DocumentId,
        wanted: Wanted,
        only_new: bool,
    ) -> Result<(WebhookInfo, Option<Secret>)> {
        rights::admin_own(caller)?;
        wanted.check()?;
        self.room_for([&name]).await?;
        let ready = self.ready(caller, name.clone(), wanted);
        let sealer = self.inner.sealer.clone();
        let fresh = ready.secret.as_ref().map_or(&ready.fresh.0, |(secret, _)| secret).expose();
        let decide = move |tx: &mut Tx<'_>| {
            tx.need(ready.reads())?;
            if only_new && tx.document(&WEBHOOKS, &ready.name)?.is_some() {
                let detail = "There is a webhook of this name already.";
                return Err(Error::new(Code::DocumentExists, detail).into());
            }
            put(tx, &ready, &sealer)
        };
        let is_new = self.inner.db.commit(caller, decide).await?.value;
        self.reload().await?;
        let document = self.inner.db.store().document(&WEBHOOKS, &name).await?.ok_or_else(not_found)?;
        Ok((stored::info(&document)?, is_new.then(|| Secret::new(fresh))))
    }

    /// Everything random is drawn here, so that the decision has none.
    pub(super) fn ready(&self, caller: &Caller, name: DocumentId, wanted: Wanted) -> Ready {
        let (sealer, random) = (&self.inner.sealer, self.inner.db.random());
        let closed = |secret: SigningSecret| {
            let text = secrets::seal(&name, &secret, sealer, random);
            (secret, text)
        };
        let headers = wanted.headers.map(lower);
        let headers = headers.map(|headers| {
            let text = secrets::seal_headers(&name, &headers, sealer, random);
            (headers, text)
        });
        let given = wanted.secret.and_then(|secret| SigningSecret::parse(secret.expose()));
        Ready {
            definition: wanted.definition,
            headers,
            secret: given.map(closed),
            fresh: closed(SigningSecret::generate(random)),
            trail: Trail::new(&self.inner.db, caller),
            name,
        }
    }

    /// There are so many, and no more.
    pub(super) async fn room_for<'a>(&self, names: impl IntoIterator<Item = &'a DocumentId>) -> Result<()> {
        self.reload().await?;
        let known = self.inner.known.all();
        let new = names.into_iter().filter(|name| known.iter().all(|hook| hook.info.name != **name)).count();
        if known.len() + new > MOST {
            return Err(Error::new(Code::QuotaExceeded, format!("There are at most {MOST} webhooks.")));
        }
        Ok(())
    }
}

impl Ready {
    pub(super) fn reads(&self) -> [Read; 3] {
        [document(&self.name), cell(&secrets::key(&self.name)), self.trail.read()]
    }

    /// What differs from what is there: `None` where nothing does.
    pub(super) fn difference(&self, former: Option<&Map<String, Value>>, opened: &Opened) -> Option<Difference> {
        let Some(former) = former else { return Some(Difference::New) };
        let headers = self.headers.as_ref().is_some_and(|(headers, _)| *headers != opened.headers);
        let current = opened.secrets.first().map(|(secret, _)| secret);
        let secret = self.secret.as_ref().is_some_and(|(secret, _)| current != Some(secret));
        let said = stored::definition(former).ok().as_ref() == Some(&self.definition);
        let revived = self.definition.enabled && former.contains_key(stored::REASON);
        if said && !headers && !secret && !revived { None } else { Some(Difference::Change { headers, secret }) }
    }
}

pub(super) enum Difference {
    New,
    Change { headers: bool, secret: bool },
}

/// Whether it is a new one.
pub(super) fn put(tx: &mut Tx<'_>, ready: &Ready, sealer: &Sealer) -> Flow<bool> {
    let (name, key) = (&ready.name, secrets::key(&ready.name));
    let former = tx.document(&WEBHOOKS, name)?;
    let before = tx.cell(&key)?.map(Sealed::read).transpose()?.unwrap_or_default();
    // What can't be opened (another master secret) differs from whatever is given.
    let opened = before.open(name, sealer).unwrap_or_default();
    let difference = ready.difference(former.as_ref().map(|document| &document.data), &opened);
    let (is_new, headers, secret) = match difference {
        None => return Ok(false),
        Some(Difference::New) => (true, true, true),
        Some(Difference::Change { headers, secret }) => (false, headers, secret),
    };
    let mut next = if is_new { Sealed::default() } else { before };
    if secret {
        let (_, text) = ready.secret.as_ref().unwrap_or(&ready.fresh);
        next = next.with_secret(text.clone());
    }
    if let Some((_, text)) = ready.headers.as_ref().filter(|_| headers) {
        next = next.with_headers(text.clone());
    }
    tx.put_cell(&key, next.to_value(), None);
    let mut data = data_of(ready, former.as_deref(), secret);
    if headers || secret {
        data.insert(stored::SEALED.to_owned(), tx.draw_rev().as_str().into());
    }
    let before = former.as_ref().map(|document| told(&document.data));
    match &former {
        Some(former) => drop(tx.update(&WEBHOOKS, former, data.clone())),
        None => drop(tx.create(&WEBHOOKS, name, data.clone())?),
    }
    ready.trail.note(tx, entry("webhooks.put", name, before, Some(told(&data))))?;
    Ok(is_new)
}

/// What is said of it, with what stays of what was there.
fn data_of(ready: &Ready, former: Option<&Document>, new_secret: bool) -> Map<String, Value> {
    let names = ready.headers.as_ref().map(|(headers, _)| headers.keys().cloned().collect());
    let names = names.or_else(|| former.map(|former| stored::header_names(&former.data))).unwrap_or_default();
    let mut data = to_data(&ready.definition, &names);
    let kept: &[&str] = if new_secret { &[stored::SEALED] } else { &[stored::SEALED, stored::OVERLAP] };
    let kept = kept.iter().filter_map(|name| Some(((*name).to_owned(), former?.data.get(*name)?.clone())));
    data.extend(kept);
    data
}

/// Whether there was one.
pub(super) fn remove(tx: &mut Tx<'_>, name: &DocumentId, trail: &Trail) -> Flow<bool> {
    let Some(document) = tx.document(&WEBHOOKS, name)? else { return Ok(false) };
    tx.delete(&WEBHOOKS, &document);
    tx.delete_cell(&secrets::key(name));
    trail.note(tx, entry("webhooks.delete", name, Some(told(&document.data)), None))?;
    Ok(true)
}

pub(super) fn document(name: &DocumentId) -> Read {
    Read::Document { collection: WEBHOOKS.clone(), id: name.clone() }
}

pub(super) fn entry(
    action: &'static str,
    name: &DocumentId,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Entry {
    Entry { action, target: ("webhook", name.to_string()), before, after }
}

/// What the audit tells of one.
pub(super) fn told(data: &Map<String, Value>) -> Map<String, Value> {
    data.iter().filter(|(name, _)| *name != stored::SEALED).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn lower(headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
    headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}
