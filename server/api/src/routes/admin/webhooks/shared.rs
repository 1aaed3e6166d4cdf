use std::collections::BTreeMap;
use std::time::Duration;

use basalt_app::Secret;
use basalt_app::webhooks::{Definition, DeliveryInfo, Wanted, WebhookInfo};
use basalt_core::{Code, DocumentId, Error, FieldError, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An endpoint outside that events are delivered to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub(super) struct Shown {
    #[schema(value_type = String)]
    name: DocumentId,
    url: String,
    /// CEL over the event; null: all events.
    events: Option<String>,
    description: Option<String>,
    enabled: bool,
    /// Why the server has switched it off: it is gone, or has only failed for days. Writing it anew switches it on.
    disabled_reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    /// Since when every try has failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// The names of the headers that go with every delivery; their values are not shown.
    headers: Vec<String>,
    /// For one try.
    #[schema(example = "15s")]
    timeout: String,
    /// Further tries, with growing pauses, before an event is a dead letter.
    retries: u32,
    /// Until when the secret before the present one signs, too.
    #[schema(value_type = Option<String>, format = DateTime)]
    overlap_until: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A webhook whose secret was made or given just now.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedWebhook)]
pub(super) struct Created {
    #[serde(flatten)]
    pub(super) webhook: Shown,
    /// `whsec_…`: what its signatures are checked by, in this answer alone.
    pub(super) secret: String,
}

/// What is said of a webhook, the whole of it but for what is written only.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = WebhookDefinition)]
pub(crate) struct Said {
    /// `https://…`; one of a private network only where the deployment allows it.
    pub(super) url: String,
    /// CEL over the event, such as `collection == 'orders' && op == 'create'`; without it all events.
    pub(super) events: Option<String>,
    #[schema(max_length = 1024)]
    pub(super) description: Option<String>,
    /// True where nothing is said.
    pub(super) enabled: Option<bool>,
    /// Sent with every delivery, and shown to nobody; without them they stay as they are.
    #[schema(value_type = Option<Object>)]
    pub(super) headers: Option<BTreeMap<String, String>>,
    /// `15s` where nothing is said; 25 seconds at most.
    pub(super) timeout: Option<String>,
    /// 7 where nothing is said; 20 at most.
    pub(super) retries: Option<u32>,
    /// `whsec_…` where the receiver has one already; without it one is made for a new webhook, and stays for others.
    #[schema(format = Password)]
    pub(super) secret: Option<String>,
}

/// One try to deliver an event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub(super) struct Delivery {
    id: String,
    webhook: String,
    /// The same at every try, and in `webhook-id`.
    event: String,
    r#type: String,
    attempt: u32,
    /// `delivered`, `failed` (to be tried again), `refused` (the address may not be reached) or `gone` (410).
    outcome: &'static str,
    error: Option<String>,
    request: Sent,
    response: Option<Answer>,
    duration_ms: u64,
    trace: Option<String>,
    /// The delivery that it repeats.
    replay_of: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Without its signature and without the values of headers that were set.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookRequest)]
struct Sent {
    url: String,
    #[schema(value_type = Object)]
    headers: BTreeMap<String, String>,
    /// Its first 64 KiB.
    body: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookResponse)]
struct Answer {
    status: u16,
    #[schema(value_type = Object)]
    headers: BTreeMap<String, String>,
    /// Its first 16 KiB.
    body: String,
    /// Whether there was more.
    truncated: bool,
}

impl From<WebhookInfo> for Shown {
    fn from(info: WebhookInfo) -> Self {
        let Definition { url, events, description, enabled, timeout, retries } = info.definition;
        let (disabled_reason, disabled_at) = info.disabled.map(|disabled| (disabled.reason, disabled.at)).unzip();
        Self {
            name: info.name,
            url,
            events,
            description,
            enabled,
            disabled_reason,
            disabled_at,
            failing_since: info.failing_since,
            headers: info.headers,
            timeout: human(timeout),
            retries,
            overlap_until: info.overlap_until,
            created_at: info.created_at,
            updated_at: info.updated_at,
        }
    }
}

impl Said {
    pub(super) fn into_wanted(self) -> Result<Wanted> {
        let default = Definition::default();
        let timeout = self.timeout.map(|text| duration(&text, "/timeout")).transpose()?;
        let definition = Definition {
            url: self.url,
            events: self.events,
            description: self.description,
            enabled: self.enabled.unwrap_or(default.enabled),
            timeout: timeout.unwrap_or(default.timeout),
            retries: self.retries.unwrap_or(default.retries),
        };
        Ok(Wanted { definition, headers: self.headers, secret: self.secret.map(Secret::from) })
    }
}

impl From<DeliveryInfo> for Delivery {
    fn from(info: DeliveryInfo) -> Self {
        let answer = |answer: basalt_app::webhooks::DeliveryAnswer| Answer {
            status: answer.status,
            headers: joined(answer.headers),
            body: answer.body,
            truncated: answer.cut,
        };
        let body = String::from_utf8_lossy(&info.sent.body).into_owned();
        Self {
            id: info.id,
            webhook: info.webhook.to_string(),
            event: info.event.id,
            r#type: info.event.r#type,
            attempt: info.attempt,
            outcome: info.outcome.as_str(),
            error: info.error,
            request: Sent { url: info.sent.url, headers: joined(info.sent.headers), body },
            response: info.answer.map(answer),
            duration_ms: u64::try_from(info.duration.as_millis()).unwrap_or(u64::MAX),
            trace: info.trace,
            replay_of: info.replay_of,
            at: info.at,
        }
    }
}

/// `15m`, as people write it.
pub(super) fn duration(text: &str, path: &str) -> Result<Duration> {
    basalt_data::duration(text).ok_or_else(|| {
        let message = "A duration is such as \"500ms\", \"15s\", \"24h\" or \"7d\".";
        Error::new(Code::BadRequest, message).with_errors(vec![FieldError::new(path, "invalid", message)])
    })
}

fn human(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1_000) { format!("{}s", millis / 1_000) } else { format!("{millis}ms") }
}

/// Several of one name in one line, as HTTP has it.
fn joined(headers: Vec<(String, String)>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        joined.entry(name).and_modify(|known| *known = format!("{known}, {value}")).or_insert(value);
    }
    joined
}
