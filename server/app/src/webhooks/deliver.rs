//! One try: signed, sent, judged and written down.

use std::time::{Duration, Instant};

use basalt_core::{Span, SpanKind, Timestamp, Trace};
use basalt_outbound::{Caps, CloudEvent, Egress, Incoming, Message};
use bytes::Bytes;
use serde_json::json;

use super::Webhooks;
use super::known::Hook;
use super::log::{Answer, DeliveryInfo, Sent};
use super::outcome::{self, Judged};
use super::stored::WebhookInfo;

/// Bytes of an answer's body that the log keeps.
const ANSWER_BYTES: usize = 16 << 10;
const HEADER_BYTES: usize = 32 << 10;

/// What the metrics are.
pub(super) fn describe() {
    metrics::describe_counter!("basalt_webhook_deliveries_total", "Tries to deliver, by webhook and outcome.");
    metrics::describe_histogram!("basalt_webhook_seconds", "From a try's beginning to its answer.");
    metrics::describe_counter!("basalt_webhooks_disabled_total", "Webhooks that the server has switched off.");
}

/// What is sent, once or again.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) event: CloudEvent,
    pub(super) body: Bytes,
    pub(super) attempt: u32,
    pub(super) trace: Option<Trace>,
    /// The delivery that it repeats.
    pub(super) replay_of: Option<String>,
}

impl Webhooks {
    /// Tries once. What came of it is in the log of deliveries and in the metrics.
    pub(super) async fn try_once(&self, hook: &Hook, parcel: Parcel) -> (DeliveryInfo, Judged) {
        let (now, began) = (self.inner.db.now(), Instant::now());
        let trace = parcel.trace.map(|trace| trace.child(self.inner.db.random()));
        let message = message(hook, &parcel, trace, now);
        let sent = sent(&message, hook);
        let (answer, judged) = self.send(hook, message, now).await;
        let elapsed = began.elapsed();
        measure(&hook.info, &judged, elapsed);
        let delivery = DeliveryInfo {
            id: super::log::new_id(now, self.inner.db.random()),
            webhook: hook.info.name.clone(),
            event: parcel.event,
            attempt: parcel.attempt,
            outcome: judged.outcome,
            sent,
            answer,
            error: judged.error.clone(),
            duration: elapsed,
            trace: trace.map(|trace| trace.id_text()),
            replay_of: parcel.replay_of,
            at: now,
        };
        if let Some((own, around)) = trace.zip(parcel.trace) {
            self.inner.spans.record(span(&delivery, own, around));
        }
        self.inner.db.store().record(delivery.to_record());
        (delivery, judged)
    }

    async fn send(&self, hook: &Hook, message: Message, now: Timestamp) -> (Option<Answer>, Judged) {
        if message.secrets.is_empty() {
            let error = Some("the webhook's secret can't be opened: rotate it".to_owned());
            return (None, Judged { outcome: outcome::Outcome::Refused, error, wait_until: None });
        }
        let time = hook.info.definition.timeout;
        let caps = Caps { time, header_bytes: HEADER_BYTES, body_bytes: ANSWER_BYTES };
        match self.inner.guarded.post(message, &Egress::of_operators(), caps).await {
            Ok(answer) => {
                let judged = outcome::of_answer(answer.status, answer.header("retry-after"), now);
                (Some(read(answer).await), judged)
            }
            Err(fault) => (None, outcome::of_fault(&fault)),
        }
    }
}

fn measure(info: &WebhookInfo, judged: &Judged, elapsed: Duration) {
    let (webhook, outcome) = (info.name.to_string(), judged.outcome.as_str());
    metrics::histogram!("basalt_webhook_seconds", "webhook" => webhook.clone()).record(elapsed.as_secs_f64());
    metrics::counter!("basalt_webhook_deliveries_total", "webhook" => webhook, "outcome" => outcome).increment(1);
}

fn message(hook: &Hook, parcel: &Parcel, trace: Option<Trace>, now: Timestamp) -> Message {
    Message {
        url: hook.info.definition.url.clone(),
        event: parcel.event.clone(),
        body: parcel.body.clone(),
        secrets: hook.opened.signing(now),
        headers: hook.opened.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        trace,
        at: now,
    }
}

/// What the log tells of a request: no signature, and no value of a header that somebody set.
fn sent(message: &Message, hook: &Hook) -> Sent {
    let request = message.clone().request();
    let told = |(name, value): (String, String)| match name.as_str() {
        "webhook-signature" => None,
        name if hook.opened.headers.contains_key(name) => Some((name.to_owned(), "…".to_owned())),
        _ => Some((name, value)),
    };
    let trace = request.trace.map(|trace| ("traceparent".to_owned(), trace.to_string()));
    Sent {
        url: request.url,
        headers: request.headers.into_iter().filter_map(told).chain(trace).collect(),
        body: message.body.clone(),
    }
}

async fn read(mut answer: Incoming) -> Answer {
    let body = answer.beginning(ANSWER_BYTES).await;
    let cut = body.len() == ANSWER_BYTES;
    let headers = std::mem::take(&mut answer.headers).into_iter().filter(|(name, _)| name != "set-cookie").collect();
    Answer { status: answer.status, headers, body: String::from_utf8_lossy(&body).into_owned(), cut }
}

fn span(delivery: &DeliveryInfo, own: Trace, around: Trace) -> Span {
    let status = delivery.answer.as_ref();
    let status = status.map(|answer| ("http.response.status_code".to_owned(), json!(answer.status)));
    let attributes = [("basalt.webhook".to_owned(), json!(delivery.webhook))].into_iter().chain(status);
    Span {
        trace: own,
        parent: Some(around.span),
        name: format!("webhook {}", delivery.webhook).into(),
        kind: SpanKind::Client,
        start: delivery.at,
        duration: delivery.duration,
        attributes: attributes.collect(),
        error: delivery.error.clone(),
    }
}
