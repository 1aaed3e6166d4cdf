//! What a client sends: one JSON object with a `type`.

use std::sync::Arc;

use basalt_core::json::parse_object;
use basalt_core::{ChannelName, Code, Error, Result};
use basalt_data::documents::live::WatchQuery;
use serde_json::{Map, Value};

use super::channels::{self, Join, Publish, Track};
use crate::common::Secret;

/// Bytes of a frame's `id`.
const ID_BYTES: usize = 64;

/// The client's own name for a subscription.
pub(crate) type SubscriptionId = Arc<str>;

#[derive(Debug)]
pub(crate) enum ClientFrame {
    Auth { id: Option<SubscriptionId>, token: Secret },
    Subscribe(Subscription),
    Unsubscribe { id: SubscriptionId },
    Ping { id: Option<SubscriptionId> },
    Join(Join),
    Leave { id: Option<SubscriptionId>, channel: ChannelName },
    Track(Track),
    Publish(Publish),
}

/// The types of frames that clients send, as [`ClientFrame::parse`] reads them.
#[cfg(test)]
pub(crate) const CLIENT_TYPES: [&str; 8] =
    ["auth", "subscribe", "unsubscribe", "ping", "join", "leave", "track", "publish"];

/// What is to be watched, under which name, and from where on.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) query: Arc<WatchQuery>,
    pub(crate) since: Option<String>,
}

/// A frame that is none, with its `id` where that could be read.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) id: Option<SubscriptionId>,
    pub(crate) error: Error,
}

impl ClientFrame {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Refused> {
        let mut members = parse_object(text).map_err(|error| Refused { id: None, error })?;
        let id = read_id(&mut members).map_err(|error| Refused { id: None, error })?;
        let refused = |error| Refused { id: id.clone(), error };
        let Some(Value::String(kind)) = members.remove("type") else {
            return Err(refused(bad("A frame has a type.")));
        };
        Self::of_kind(&kind, id.clone(), members).map_err(refused)
    }

    fn of_kind(kind: &str, id: Option<SubscriptionId>, mut members: Map<String, Value>) -> Result<Self> {
        let named = |id: Option<SubscriptionId>| id.ok_or_else(|| bad("This frame needs an id."));
        let frame = match kind {
            "auth" => match members.remove("token") {
                Some(Value::String(token)) if !token.is_empty() => Self::Auth { id, token: Secret::new(token) },
                _ => return Err(bad("An auth frame has a token.")),
            },
            "subscribe" => return Ok(Self::Subscribe(Subscription::of_members(named(id)?, members)?)),
            "unsubscribe" => Self::Unsubscribe { id: named(id)? },
            "ping" => Self::Ping { id },
            "join" => Self::Join(Join::of_members(id, &mut members)?),
            "leave" => Self::Leave { id, channel: channels::channel(&mut members)? },
            "track" => Self::Track(Track::of_members(id, &mut members)?),
            "publish" => Self::Publish(Publish::of_members(id, &mut members)?),
            other => return Err(bad(format!("There is no frame of the type {other:?}."))),
        };
        finish(&members)?;
        Ok(frame)
    }
}

/// What nobody took is unknown.
pub(super) fn finish(members: &Map<String, Value>) -> Result<()> {
    match members.keys().next() {
        None => Ok(()),
        Some(name) => Err(Error::new(Code::UnknownField, format!("There is no field {name:?} in this frame."))),
    }
}

impl Subscription {
    /// From a subscribe frame's members, with or without its `type`.
    pub fn parse(mut members: Map<String, Value>) -> Result<Self> {
        let id = read_id(&mut members)?.ok_or_else(|| bad("A subscription has an id."))?;
        if members.remove("type").is_some_and(|kind| kind != "subscribe") {
            return Err(bad("A subscription's type is \"subscribe\"."));
        }
        Self::of_members(id, members)
    }

    fn of_members(id: SubscriptionId, mut members: Map<String, Value>) -> Result<Self> {
        let since = match members.remove("since") {
            None | Some(Value::Null) => None,
            Some(Value::String(since)) => Some(since),
            Some(_) => return Err(bad("since is a place in the log, as frames carry it in seq.")),
        };
        Ok(Self { id, query: Arc::new(WatchQuery::from_members(members)?), since })
    }
}

pub(super) fn read_id(members: &mut Map<String, Value>) -> Result<Option<SubscriptionId>> {
    match members.remove("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if (1..=ID_BYTES).contains(&id.len()) => Ok(Some(id.into())),
        Some(_) => Err(bad(format!("An id is a text of 1 to {ID_BYTES} bytes."))),
    }
}

pub(super) fn bad(detail: impl Into<String>) -> Error {
    Error::new(Code::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> (Option<String>, Code) {
        let refused = ClientFrame::parse(text.as_bytes()).unwrap_err();
        (refused.id.map(|id| id.to_string()), refused.error.code())
    }

    #[test]
    fn frames_are_read_strictly() {
        assert!(matches!(ClientFrame::parse(br#"{"type":"ping"}"#), Ok(ClientFrame::Ping { id: None })));
        let text = br#"{"type":"subscribe","id":"s","collection":"notes","since":"0"}"#;
        let Ok(ClientFrame::Subscribe(subscription)) = ClientFrame::parse(text) else { panic!("a subscription") };
        assert_eq!((&*subscription.id, subscription.since.as_deref()), ("s", Some("0")));
        for (text, id, expected) in [
            ("", None, Code::BadJson),
            ("[]", None, Code::BadJson),
            ("{}", None, Code::BadRequest),
            (r#"{"type":"ping","x":1}"#, None, Code::UnknownField),
            (r#"{"type":"subscribe","collection":"notes"}"#, None, Code::BadRequest),
            (r#"{"type":"subscribe","id":"s","collection":"notes","x":1}"#, Some("s"), Code::UnknownField),
            (r#"{"type":"subscribe","id":"s","collection":"notes","since":7}"#, Some("s"), Code::BadRequest),
            (r#"{"type":"dance","id":"s"}"#, Some("s"), Code::BadRequest),
            (r#"{"type":"ping","id":7}"#, None, Code::BadRequest),
            (r#"{"type":"auth","id":"a"}"#, Some("a"), Code::BadRequest),
            (r#"{"type":"join","id":"j"}"#, Some("j"), Code::BadRequest),
            (r#"{"type":"join","channel":"a b"}"#, None, Code::BadRequest),
            (r#"{"type":"join","channel":"a","presence":[]}"#, None, Code::BadRequest),
            (r#"{"type":"join","channel":"a","x":1}"#, None, Code::UnknownField),
            (r#"{"type":"track","channel":"a"}"#, None, Code::BadRequest),
            (r#"{"type":"publish","channel":"a","event":""}"#, None, Code::BadRequest),
        ] {
            assert_eq!(code(text), (id.map(str::to_owned), expected), "{text}");
        }
    }
}
