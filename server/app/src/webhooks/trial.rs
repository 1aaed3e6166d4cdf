//! Deliveries by hand: a sample, and one that was made before.

use basalt_core::{Caller, Code, DocumentId, Error, Result};
use basalt_outbound::CloudEvent;
use serde_json::json;
use std::sync::Arc;

use super::Webhooks;
use super::deliver::Parcel;
use super::known::Hook;
use super::log::DeliveryInfo;
use super::stored::not_found;
use crate::common::rights;

/// The type of the event that only tries whether the receiver is there.
const TEST: &str = "basalt.webhook.test";

impl Webhooks {
    /// Sends a sample event, also to a webhook that is switched off, and says what came of it.
    pub async fn test(&self, caller: &Caller, name: &DocumentId) -> Result<DeliveryInfo> {
        rights::admin_write(caller)?;
        let hook = self.hook(name).await?;
        let (now, id) = (self.inner.db.now(), format!("test-{}", self.inner.db.new_id()));
        let body = json!({
            "id": id, "seq": null, "type": TEST, "op": null, "collection": null,
            "doc": { "message": "This is a test." }, "before": null, "actor": caller.actor(),
            "requestId": caller.request.id, "at": now, "attempt": 1,
        });
        let source = format!("/v1/admin/webhooks/{name}");
        let event = CloudEvent { id, r#type: TEST.to_owned(), source, subject: Some(name.to_string()), time: now };
        let trace = caller.request.trace;
        let parcel = Parcel { event, body: body.to_string().into(), attempt: 1, trace, replay_of: None };
        Ok(self.try_once(&hook, parcel).await.0)
    }

    /// Sends an event again as it was, under the same id, so that a receiver which has it knows it.
    pub async fn replay(&self, caller: &Caller, name: &DocumentId, id: &str) -> Result<DeliveryInfo> {
        rights::admin_write(caller)?;
        let hook = self.hook(name).await?;
        let before = self.delivery(caller, name, id).await?;
        if !before.is_whole() {
            let detail = "This event is larger than the log of deliveries keeps.";
            return Err(Error::new(Code::NotAvailable, detail));
        }
        let attempt = before.attempt.saturating_add(1);
        let trace = caller.request.trace;
        let parcel = Parcel { event: before.event, body: before.sent.body, attempt, trace, replay_of: Some(before.id) };
        let (delivery, judged) = self.try_once(&hook, parcel).await;
        if judged.outcome == super::Outcome::Delivered {
            self.note_success(&hook).await?;
        }
        Ok(delivery)
    }

    /// As it is now, not as this node last heard.
    async fn hook(&self, name: &DocumentId) -> Result<Arc<Hook>> {
        self.reload().await?;
        self.inner.known.hook(name.as_str()).ok_or_else(not_found)
    }
}
