//! How a receiver is doing over days: one that has only failed for long is asked no more.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Caller, Document, Result};
use serde_json::{Map, Value};

use super::Webhooks;
use super::known::Hook;
use super::manage::{document, entry, told};
use super::stored::{DISABLED_AT, FAILING, REASON};
use crate::common::names::WEBHOOKS;
use crate::common::{Flow, Trail, Tx};

/// Without one success in between.
const PATIENCE: Duration = Duration::from_hours(5 * 24);

impl Webhooks {
    /// A try went well: whatever was wrong is over.
    pub(super) async fn note_success(&self, hook: &Hook) -> Result<()> {
        if hook.info.failing_since.is_none() {
            return Ok(());
        }
        self.change(hook, |data| data.remove(FAILING).is_some()).await
    }

    /// A try failed. The first failure is noted; after long enough without a success the webhook is switched off.
    pub(super) async fn note_failure(&self, hook: &Hook) -> Result<()> {
        let now = self.inner.db.now();
        match hook.info.failing_since {
            None => {
                let since = Value::from(now.to_string());
                self.change(hook, move |data| {
                    let first = !data.contains_key(FAILING);
                    data.entry(FAILING).or_insert_with(|| since.clone());
                    first
                })
                .await
            }
            Some(since) if now.since(since) >= PATIENCE => {
                let days = PATIENCE.as_secs() / 86_400;
                self.disable(hook, &format!("Every try has failed for {days} days.")).await
            }
            Some(_) => Ok(()),
        }
    }

    /// Switches it off until an operator switches it on, and tells so.
    pub(super) async fn disable(&self, hook: &Hook, reason: &str) -> Result<()> {
        let name = hook.info.name.as_str();
        tracing::warn!(webhook = name, reason, "a webhook is switched off");
        metrics::counter!("basalt_webhooks_disabled_total", "webhook" => name.to_owned()).increment(1);
        let (reason, at) = (Value::from(reason), Value::from(self.inner.db.now().to_string()));
        let changed = move |data: &mut Map<String, Value>| {
            let first = !data.contains_key(REASON);
            if first {
                data.insert(REASON.to_owned(), reason.clone());
                data.insert(DISABLED_AT.to_owned(), at.clone());
            }
            first
        };
        self.change(hook, changed).await
    }

    /// Changes how a webhook is doing, as it is now, where `change` finds something to change.
    async fn change<F>(&self, hook: &Hook, change: F) -> Result<()>
    where
        F: Fn(&mut Map<String, Value>) -> bool + Send + Sync + 'static,
    {
        let caller = Caller::system(self.inner.db.now());
        let (name, trail) = (hook.info.name.clone(), Trail::new(&self.inner.db, &caller));
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([document(&name), trail.read()])?;
            let Some(former) = tx.document(&WEBHOOKS, &name)? else { return Ok(()) };
            let mut data = former.data.clone();
            if change(&mut data) { write(tx, &trail, &former, data) } else { Ok(()) }
        };
        self.inner.db.commit(&caller, decide).await?;
        self.reload().await
    }
}

/// The audit is told where it is switched off; how it is doing in between is in the log of deliveries.
fn write(tx: &mut Tx<'_>, trail: &Trail, former: &Arc<Document>, data: Map<String, Value>) -> Flow<()> {
    let off = data.contains_key(REASON) && !former.data.contains_key(REASON);
    let (before, after) = (told(&former.data), told(&data));
    tx.update(&WEBHOOKS, former, data);
    if off {
        trail.note(tx, entry("webhooks.disable", &former.id, Some(before), Some(after)))?;
    }
    Ok(())
}
