//! `[webhooks.NAME]` of an app: planned, then declared; what is absent stays.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::{Caller, Code, DocumentId, Error, FieldError, Result};
use basalt_data::manifest::WebhookSection;
use basalt_store::CellKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Webhooks;
use super::definition::{Definition, Wanted};
use super::manage::{self, Difference, Ready};
use crate::common::{Secret, Trail, Tx, cell, hex, rights};

/// Who declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// What is said holds.
    Call,
    /// What it said already when it was last applied stays as an operator left it.
    Manifest,
}

impl Webhooks {
    /// What declaring these would do to each webhook: `added`, `changed`, `unchanged`, `kept` (it isn't there any more)
    /// or `removed`. Writes nothing; faults have their place below `/webhooks`.
    pub async fn plan_manifest(
        &self,
        caller: &Caller,
        sections: &BTreeMap<String, WebhookSection>,
        remove: &BTreeSet<String>,
    ) -> Result<Vec<(String, &'static str)>> {
        rights::admin_own(caller)?;
        let wanted = self.wanted(caller, sections).await?;
        let mut plan = BTreeMap::new();
        for ready in &wanted {
            let hook = self.inner.known.hook(ready.name.as_str());
            let former = hook.as_ref().map(|hook| super::stored::to_data(&hook.info.definition, &hook.info.headers));
            let opened = hook.as_ref().map(|hook| hook.opened.clone()).unwrap_or_default();
            let change = match ready.difference(former.as_ref(), &opened) {
                None => "unchanged",
                Some(Difference::New) => "added",
                Some(Difference::Change { .. }) => "changed",
            };
            plan.insert(ready.name.to_string(), change);
        }
        for hook in self.inner.known.all() {
            let name = hook.info.name.to_string();
            let absent = if remove.contains(&name) { "removed" } else { "kept" };
            plan.entry(name).or_insert(absent);
        }
        Ok(plan.into_iter().collect())
    }

    /// Declares them, all or none; those of `remove` that aren't declared go.
    pub async fn declare_manifest(
        &self,
        caller: &Caller,
        sections: &BTreeMap<String, WebhookSection>,
        remove: &BTreeSet<String>,
        origin: Origin,
    ) -> Result<()> {
        rights::admin_own(caller)?;
        let gone = remove.iter().filter(|name| !sections.contains_key(*name));
        let gone = gone.filter_map(|name| Some((DocumentId::parse(name).ok()?, Trail::new(&self.inner.db, caller))));
        let gone: Vec<(DocumentId, Trail)> = gone.collect();
        if sections.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let wanted = self.wanted(caller, sections).await?;
        let said: Map<String, Value> =
            sections.iter().map(|(name, section)| (name.clone(), fingerprint(section).into())).collect();
        let sealer = self.inner.sealer.clone();
        let decide = move |tx: &mut Tx<'_>| {
            let of_gone = gone
                .iter()
                .flat_map(|(name, trail)| [manage::document(name), cell(&super::secrets::key(name)), trail.read()]);
            let reads: Vec<_> = wanted.iter().flat_map(Ready::reads).chain(of_gone).chain([cell(&applied())]).collect();
            tx.need(reads)?;
            let before = tx.cell(&applied())?.unwrap_or_default();
            for ready in &wanted {
                let name = ready.name.as_str();
                if origin == Origin::Call || before.get(name) != said.get(name) {
                    manage::put(tx, ready, &sealer)?;
                }
            }
            for (name, trail) in &gone {
                manage::remove(tx, name, trail)?;
            }
            let said = Value::Object(said.clone());
            if before != said {
                tx.put_cell(&applied(), said, None);
            }
            Ok(())
        };
        self.inner.db.commit(caller, decide).await?;
        self.reload().await
    }

    async fn wanted(&self, caller: &Caller, sections: &BTreeMap<String, WebhookSection>) -> Result<Vec<Ready>> {
        let mut faults = Vec::new();
        let mut wanted = Vec::new();
        for (name, section) in sections {
            let (path, section) = (format!("/webhooks/{name}"), of_section(section));
            faults.extend(section.faults(&path));
            match DocumentId::parse(name) {
                Ok(name) => wanted.push((name, section)),
                Err(error) => faults.push(FieldError::new(path, "bad_name", error.detail())),
            }
        }
        if !faults.is_empty() {
            return Err(Error::new(Code::InvalidDefinition, "The webhooks are not valid.").with_errors(faults));
        }
        self.room_for(wanted.iter().map(|(name, _)| name)).await?;
        Ok(wanted.into_iter().map(|(name, wanted)| self.ready(caller, name, wanted)).collect())
    }
}

fn of_section(section: &WebhookSection) -> Wanted {
    let WebhookSection { url, events, secret, headers, description, enabled } = section.clone();
    let definition = Definition { url, events, description, enabled, ..Definition::default() };
    Wanted { definition, headers: Some(headers), secret: secret.map(Secret::new) }
}

/// What a manifest said when it was last applied, by fingerprints: there are secrets in it.
fn applied() -> CellKey {
    CellKey::new("_webhooks", "applied")
}

fn fingerprint(section: &WebhookSection) -> String {
    let WebhookSection { url, events, secret, headers, description, enabled } = section;
    let text = serde_json::json!([url, events, secret, headers, description, enabled]).to_string();
    hex(&Sha256::digest(text.as_bytes()))
}
