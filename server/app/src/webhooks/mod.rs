//! Room `webhooks`: events delivered to servers outside, signed, with a log of deliveries.
//!
//! Promises: a delivery is signed by every secret that counts, and its id is the same at every try; a secret is shown
//! once and kept sealed; a receiver that is gone is asked no more, and that is told.

mod definition;
mod deliver;
mod disable;
mod known;
mod log;
mod manage;
mod manifest;
mod outcome;
mod receiver;
mod rotate;
mod secrets;
mod stored;
mod trial;

use std::sync::Arc;

use basalt_core::{Caller, Change, DocumentId, Result, Spans};
use basalt_data::changes::Reader;
use basalt_outbound::Guarded;
use tokio::sync::Notify;

pub use definition::{Definition, Wanted};
pub use log::{Answer as DeliveryAnswer, DeliveryInfo, DeliveryPage, DeliveryQuery, Sent as DeliveryRequest};
pub use manifest::Origin;
pub use outcome::Outcome;
pub use rotate::Rotated;
pub use stored::{Disabled, WebhookInfo};

use crate::common::names::WEBHOOKS;
use crate::common::{Db, MasterSecret, Sealer, rights};
use known::Known;

/// Webhooks of one server.
const MOST: usize = 200;

/// The room's use cases; cheap to clone, all clones know the same.
#[derive(Clone)]
pub struct Webhooks {
    inner: Arc<Inner>,
}

/// What the room stands on.
pub struct WebhooksParts {
    pub db: Db,
    pub master: MasterSecret,
    pub guarded: Guarded,
    pub spans: Arc<dyn Spans>,
}

struct Inner {
    db: Db,
    sealer: Sealer,
    guarded: Guarded,
    spans: Arc<dyn Spans>,
    known: Known,
    /// The log tells of a change: what is known is read anew.
    changed: Notify,
}

impl Webhooks {
    /// Reads what there is.
    pub async fn open(parts: WebhooksParts) -> Result<Self> {
        let WebhooksParts { db, master, guarded, spans } = parts;
        deliver::describe();
        let sealer = Sealer::new(&master, "webhooks");
        let inner = Inner { db, sealer, guarded, spans, known: Known::default(), changed: Notify::new() };
        let webhooks = Self { inner: Arc::new(inner) };
        webhooks.reload().await?;
        Ok(webhooks)
    }

    /// All webhooks, by name.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<WebhookInfo>> {
        rights::admin_read(caller)?;
        let page = self.inner.db.store().list(known::all()).await?;
        let mut infos = page.documents.iter().map(stored::info).collect::<Result<Vec<_>>>()?;
        infos.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(infos)
    }

    pub async fn get(&self, caller: &Caller, name: &DocumentId) -> Result<WebhookInfo> {
        rights::admin_read(caller)?;
        let document = self.inner.db.store().document(&WEBHOOKS, name).await?;
        document.as_ref().map_or_else(|| Err(stored::not_found()), stored::info)
    }

    /// Reads anew what a change of the log makes untrue.
    pub fn apply(&self, change: &Change) {
        if change.collection == *WEBHOOKS {
            self.inner.changed.notify_one();
        }
    }

    /// Reads everything anew (changes were missed).
    pub fn reset(&self) {
        self.inner.changed.notify_one();
    }

    /// Keeps what this node knows up with the log; to be run beside, until it is dropped.
    pub async fn keep_up(&self) {
        loop {
            self.inner.changed.notified().await;
            while let Err(error) = self.reload().await {
                tracing::warn!(?error, "the webhooks can't be read");
                tokio::time::sleep(known::PAUSE).await;
            }
        }
    }
}

/// What a change of the log makes untrue is read anew.
impl Reader for Webhooks {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        if changes.iter().any(|change| change.collection == *WEBHOOKS) {
            self.inner.changed.notify_one();
        }
    }

    fn reset(&mut self) {
        self.inner.changed.notify_one();
    }
}
