//! The webhooks as this node knows them, by which events find their way; read anew when the log tells of a change.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use basalt_core::filter::Filter;
use basalt_core::{DocumentId, Result, Seq};
use basalt_data::changes::EventFilter;
use basalt_data::events::{Event, Subscription, Target, TargetKind};
use basalt_store::List;

use super::secrets::{self, Opened, Sealed};
use super::stored::{self, WebhookInfo};
use super::{MOST, Webhooks};
use crate::common::Tx;
use crate::common::names::WEBHOOKS;

pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// One webhook, ready to be delivered to.
pub(super) struct Hook {
    pub(super) info: WebhookInfo,
    pub(super) opened: Opened,
}

/// All of them, as of one place in the log.
#[derive(Default)]
pub(super) struct Snapshot {
    since: Seq,
    hooks: BTreeMap<DocumentId, Arc<Hook>>,
    subscriptions: Arc<Vec<Arc<Subscription>>>,
}

#[derive(Default)]
pub(super) struct Known(RwLock<Arc<Snapshot>>);

impl Known {
    fn get(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn hook(&self, name: &str) -> Option<Arc<Hook>> {
        self.get().hooks.get(name).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Hook>> {
        self.get().hooks.values().cloned().collect()
    }

    pub(super) fn subscriptions(&self) -> Arc<Vec<Arc<Subscription>>> {
        Arc::clone(&self.get().subscriptions)
    }
}

impl Webhooks {
    /// Reads all there are now.
    pub(super) async fn reload(&self) -> Result<()> {
        let (page, since) = self.inner.db.store().list_with_end(all()).await?;
        let infos = page.documents.iter().map(stored::info).collect::<Result<Vec<_>>>()?;
        let opened = self.opened(infos.iter().map(|info| info.name.clone()).collect()).await?;
        let hooks: Vec<Arc<Hook>> =
            infos.into_iter().zip(opened).map(|(info, opened)| Arc::new(Hook { info, opened })).collect();
        let subscriptions = hooks.iter().filter_map(|hook| subscription(hook)).map(Arc::new).collect();
        let hooks = hooks.into_iter().map(|hook| (hook.info.name.clone(), hook)).collect();
        let mut known = self.inner.known.0.write().unwrap_or_else(PoisonError::into_inner);
        if since >= known.since {
            *known = Arc::new(Snapshot { since, hooks, subscriptions: Arc::new(subscriptions) });
        }
        Ok(())
    }

    /// What these have sealed. One that can't be opened signs nothing, and so delivers nothing; that is logged.
    async fn opened(&self, names: Vec<DocumentId>) -> Result<Vec<Opened>> {
        let asked = names.clone();
        let read = move |tx: &mut Tx<'_>| {
            tx.need(asked.iter().map(|name| crate::common::cell(&secrets::key(name))))?;
            asked.iter().map(|name| tx.cell(&secrets::key(name))).collect()
        };
        let cells: Vec<Option<serde_json::Value>> = self.inner.db.inspect(read).await?;
        let open = |(name, cell): (&DocumentId, Option<serde_json::Value>)| {
            let opened =
                cell.map_or_else(|| Ok(Opened::default()), |cell| Sealed::read(cell)?.open(name, &self.inner.sealer));
            opened.unwrap_or_else(|error| {
                tracing::error!(?error, webhook = name.as_str(), "a webhook's secrets can't be read");
                Opened::default()
            })
        };
        Ok(names.iter().zip(cells).map(open).collect())
    }
}

/// All webhooks.
pub(super) fn all() -> List {
    List {
        collection: WEBHOOKS.clone(),
        filter: Filter::True,
        search: None,
        sort: Vec::new(),
        limit: u32::try_from(MOST).unwrap_or(u32::MAX),
        after: None,
        count: false,
    }
}

/// A condition that isn't valid now (another version wrote it) is never true; that is logged.
fn subscription(hook: &Hook) -> Option<Subscription> {
    if !hook.info.is_active() {
        return None;
    }
    let filter = match hook.info.definition.events.as_deref().map(|text| EventFilter::compile(text, "/events")) {
        Some(Err(error)) => {
            tracing::error!(?error, webhook = hook.info.name.as_str(), "a webhook's condition is not valid");
            return None;
        }
        Some(Ok(filter)) => Some(filter),
        None => None,
    };
    let wants = move |event: &Event| filter.as_ref().is_none_or(|filter| filter.meets(event));
    Some(Subscription { target: target(&hook.info.name), wants: Box::new(wants) })
}

pub(super) fn target(name: &DocumentId) -> Target {
    Target { kind: TargetKind::Webhook, name: name.to_string() }
}
