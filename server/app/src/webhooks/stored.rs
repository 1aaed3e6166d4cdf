//! A webhook as a document of `_webhooks`: what is said of it, and how it is doing.

use std::time::Duration;

use basalt_core::{Code, Document, DocumentId, Error, Result, Timestamp};
use serde_json::{Map, Value};

use super::definition::Definition;

/// Switched off by the server itself, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    pub reason: String,
    pub at: Timestamp,
}

/// A webhook as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookInfo {
    pub name: DocumentId,
    pub definition: Definition,
    /// Names of the headers that go with every delivery; the values are shown to nobody.
    pub headers: Vec<String>,
    pub disabled: Option<Disabled>,
    /// Since when every try has failed.
    pub failing_since: Option<Timestamp>,
    /// Until when the secret before the present one signs, too.
    pub overlap_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl WebhookInfo {
    /// Whether events are delivered to it.
    pub fn is_active(&self) -> bool {
        self.definition.enabled && self.disabled.is_none()
    }
}

pub(super) const FAILING: &str = "failingSince";
pub(super) const REASON: &str = "disabledReason";
pub(super) const DISABLED_AT: &str = "disabledAt";
pub(super) const OVERLAP: &str = "overlapUntil";
const HEADERS: &str = "headers";
/// Changes with whatever is sealed, so that the log tells every node of it.
pub(super) const SEALED: &str = "sealed";

/// What is said of a webhook, as it is stored.
pub(super) fn to_data(definition: &Definition, headers: &[String]) -> Map<String, Value> {
    let millis = u64::try_from(definition.timeout.as_millis()).unwrap_or(u64::MAX);
    let mut data = Map::from_iter([
        ("url".to_owned(), definition.url.as_str().into()),
        ("enabled".to_owned(), definition.enabled.into()),
        ("timeoutMs".to_owned(), millis.into()),
        ("retries".to_owned(), definition.retries.into()),
        (HEADERS.to_owned(), headers.into()),
    ]);
    let texts = [("events", &definition.events), ("description", &definition.description)];
    data.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.as_deref()?.into()))));
    data
}

pub(super) fn definition(data: &Map<String, Value>) -> Result<Definition> {
    let unreadable = || Error::internal("a webhook's document is not readable");
    let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| data.get(name).and_then(Value::as_u64);
    Ok(Definition {
        url: text("url").ok_or_else(unreadable)?,
        events: text("events"),
        description: text("description"),
        enabled: data.get("enabled").and_then(Value::as_bool).ok_or_else(unreadable)?,
        timeout: Duration::from_millis(number("timeoutMs").ok_or_else(unreadable)?),
        retries: number("retries").and_then(|number| u32::try_from(number).ok()).ok_or_else(unreadable)?,
    })
}

pub(super) fn header_names(data: &Map<String, Value>) -> Vec<String> {
    let names = data.get(HEADERS).and_then(Value::as_array);
    names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

pub(super) fn info(document: &Document) -> Result<WebhookInfo> {
    let data = &document.data;
    let time = |name: &str| data.get(name).and_then(Value::as_str).and_then(Timestamp::parse);
    let reason = data.get(REASON).and_then(Value::as_str).map(str::to_owned);
    Ok(WebhookInfo {
        name: document.id.clone(),
        definition: definition(data)?,
        headers: header_names(data),
        disabled: reason.zip(time(DISABLED_AT)).map(|(reason, at)| Disabled { reason, at }),
        failing_since: time(FAILING),
        overlap_until: time(OVERLAP),
        created_at: document.created_at,
        updated_at: document.updated_at,
    })
}

pub(super) fn not_found() -> Error {
    Error::new(Code::WebhookNotFound, "There is no such webhook.")
}
