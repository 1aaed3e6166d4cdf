//! Events that triggers hand on: who wants them, and how they are delivered.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::Result;
use basalt_data::events::{Delivery, Event, Lane, Received, Receiver, Subscribers, Subscription, Target, TargetKind};
use basalt_outbound::CloudEvent;

use super::Webhooks;
use super::deliver::Parcel;
use super::known::Hook;
use super::outcome::Outcome;

/// Deliveries to one receiver at a time, on a node.
const CONCURRENCY: usize = 10;
/// What is written down after a try.
const AFTER: Duration = Duration::from_secs(5);

impl Subscribers for Webhooks {
    fn subscriptions(&self) -> Arc<Vec<Arc<Subscription>>> {
        self.inner.known.subscriptions()
    }
}

impl Receiver for Webhooks {
    fn lane(&self, target: &Target) -> Option<Lane> {
        let hook = self.hook_of(target)?;
        let definition = &hook.info.definition;
        let timeout = definition.timeout + AFTER;
        Some(Lane { concurrency: CONCURRENCY, tries: definition.retries + 1, timeout })
    }

    fn receive<'a>(&'a self, delivery: &'a Delivery) -> Pin<Box<dyn Future<Output = Received> + Send + 'a>> {
        Box::pin(async move {
            match self.deliver(delivery).await {
                Ok(received) => received,
                Err(error) => Received::Retry { at: None, error: error.to_string() },
            }
        })
    }
}

impl Webhooks {
    fn hook_of(&self, target: &Target) -> Option<Arc<Hook>> {
        self.inner.known.hook(&target.name).filter(|_| target.kind == TargetKind::Webhook)
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<Received> {
        let Some(hook) = self.hook_of(&delivery.target) else { return Ok(Received::Gone) };
        if !hook.info.definition.enabled {
            return Ok(Received::Gone);
        }
        if let Some(disabled) = &hook.info.disabled {
            // Kept as a dead letter: nobody decided that it is not wanted.
            return Ok(Received::Refused { error: format!("the webhook is switched off: {}", disabled.reason) });
        }
        let (_, judged) = self.try_once(&hook, parcel(&delivery.event, delivery.attempt)).await;
        match judged.outcome {
            Outcome::Delivered => self.note_success(&hook).await?,
            Outcome::Failed | Outcome::Refused => self.note_failure(&hook).await?,
            Outcome::Gone => self.disable(&hook, "The receiver answered 410 Gone.").await?,
        }
        Ok(judged.received())
    }
}

fn parcel(event: &Event, attempt: u32) -> Parcel {
    Parcel {
        event: CloudEvent {
            id: event.id.clone(),
            r#type: event.r#type.0.clone(),
            source: event.source.clone(),
            subject: Some(event.subject.clone()),
            time: event.at,
        },
        body: event.to_json(attempt).to_string().into(),
        attempt,
        trace: event.trace,
        replay_of: None,
    }
}
