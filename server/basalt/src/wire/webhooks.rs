//! Webhooks.

use basalt_app::webhooks::{Webhooks, WebhooksParts};
use basalt_app::{Db, MasterSecret};
use basalt_core::Result;
use basalt_outbound::Guarded;

use super::tracing::Tracing;

pub(super) async fn wire(db: Db, master: MasterSecret, guarded: Guarded, tracing: &Tracing) -> Result<Webhooks> {
    Webhooks::open(WebhooksParts { db, master, guarded, spans: std::sync::Arc::clone(&tracing.spans) }).await
}
