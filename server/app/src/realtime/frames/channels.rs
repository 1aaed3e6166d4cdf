//! The frames of channels, both ways.

use basalt_core::{ChannelName, Code, DocumentId, Error, Result, Timestamp};
use serde_json::{Map, Value, json};

use super::client::{self, SubscriptionId, bad};
use super::server::ServerType;

/// Bytes of what somebody tells of himself in a channel, as JSON.
const PRESENCE_BYTES: usize = 4 << 10;
/// Bytes of a message's event and data, as JSON.
const MESSAGE_BYTES: usize = 32 << 10;
const EVENT_BYTES: usize = 64;

/// To be in a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    pub(crate) id: Option<SubscriptionId>,
    pub(crate) channel: ChannelName,
    /// What the others are shown of him; without it he only listens.
    pub(crate) presence: Option<Value>,
}

/// Other data about oneself; `None` to be seen no longer.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) id: Option<SubscriptionId>,
    pub(crate) channel: ChannelName,
    pub(crate) presence: Option<Value>,
}

#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) id: Option<SubscriptionId>,
    pub(crate) channel: ChannelName,
    pub(crate) said: Said,
}

/// What is said in a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// A text.
    pub(crate) event: Value,
    pub(crate) data: Value,
}

impl Join {
    /// From the members of a join frame, with or without its `type`.
    pub fn parse(mut members: Map<String, Value>) -> Result<Self> {
        let id = client::read_id(&mut members)?;
        if members.remove("type").is_some_and(|kind| kind != "join") {
            return Err(bad("A channel's type is \"join\"."));
        }
        let join = Self::of_members(id, &mut members)?;
        client::finish(&members)?;
        Ok(join)
    }

    pub(super) fn of_members(id: Option<SubscriptionId>, members: &mut Map<String, Value>) -> Result<Self> {
        Ok(Self { id, channel: channel(members)?, presence: presence(members)? })
    }
}

impl Track {
    pub(super) fn of_members(id: Option<SubscriptionId>, members: &mut Map<String, Value>) -> Result<Self> {
        if !members.contains_key("presence") {
            return Err(bad("A track frame has presence: an object, or null to be seen no longer."));
        }
        Ok(Self { id, channel: channel(members)?, presence: presence(members)? })
    }
}

impl Publish {
    pub(super) fn of_members(id: Option<SubscriptionId>, members: &mut Map<String, Value>) -> Result<Self> {
        let channel = channel(members)?;
        let Some(Value::String(event)) = members.remove("event") else { return Err(bad("A message has an event.")) };
        let said = Said::new(event, members.remove("data").unwrap_or_default())?;
        Ok(Self { id, channel, said })
    }
}

impl Said {
    pub fn new(event: String, data: Value) -> Result<Self> {
        if !(1..=EVENT_BYTES).contains(&event.len()) {
            return Err(bad(format!("An event is a text of 1 to {EVENT_BYTES} bytes.")));
        }
        if event.len() + data.to_string().len() > MESSAGE_BYTES {
            return Err(Error::new(Code::TooLarge, format!("A message has at most {MESSAGE_BYTES} bytes.")));
        }
        Ok(Self { event: event.into(), data })
    }
}

pub(super) fn channel(members: &mut Map<String, Value>) -> Result<ChannelName> {
    match members.remove("channel") {
        Some(Value::String(name)) => ChannelName::parse(&name),
        _ => Err(bad("This frame needs a channel.")),
    }
}

fn presence(members: &mut Map<String, Value>) -> Result<Option<Value>> {
    match members.remove("presence") {
        None | Some(Value::Null) => Ok(None),
        Some(presence @ Value::Object(_)) if presence.to_string().len() <= PRESENCE_BYTES => Ok(Some(presence)),
        Some(Value::Object(_)) => {
            Err(Error::new(Code::TooLarge, format!("A presence has at most {PRESENCE_BYTES} bytes.")))
        }
        Some(_) => Err(bad("A presence is an object.")),
    }
}

/// `{"type":"message","channel","event","data","userId","id","at"}`
pub(crate) fn message(
    channel: &ChannelName,
    said: &Said,
    user: Option<&DocumentId>,
    (id, at): (&DocumentId, Timestamp),
) -> Vec<u8> {
    let Said { event, data } = said;
    let frame = json!({
        "type": ServerType::Message.as_str(), "channel": channel, "event": event, "data": data, "userId": user, "id": id, "at": at,
    });
    frame.to_string().into_bytes()
}

/// `{"type":"presence","channel","state":[…],"count"}`
pub(crate) fn presence_state(channel: &ChannelName, state: &[Value], count: usize) -> Vec<u8> {
    json!({"type": ServerType::Presence.as_str(), "channel": channel, "state": state, "count": count})
        .to_string()
        .into_bytes()
}

/// `{"type":"presence","channel","joined":[…],"left":[…],"updated":[…]}`
pub(crate) fn presence_change(channel: &ChannelName, joined: &[Value], left: &[Value], updated: &[Value]) -> Vec<u8> {
    let frame = json!({"type": ServerType::Presence.as_str(), "channel": channel, "joined": joined, "left": left, "updated": updated});
    frame.to_string().into_bytes()
}

/// He is in, and shown under this key where he is shown.
pub(crate) fn joined(id: Option<&str>, key: Option<&str>) -> Vec<u8> {
    let mut frame = json!({"type": ServerType::Ok.as_str()});
    for (name, value) in [("id", id), ("key", key)] {
        if let Some(value) = value {
            frame[name] = value.into();
        }
    }
    frame.to_string().into_bytes()
}

/// He is in the channel no longer.
pub(crate) fn expelled(id: Option<&str>, channel: &ChannelName, error: &Error) -> Vec<u8> {
    let frame = json!({
        "type": ServerType::Error.as_str(), "id": id, "channel": channel, "code": error.code().as_str(), "message": error.detail(),
    });
    frame.to_string().into_bytes()
}

/// Messages were dropped; who is there follows.
pub(crate) fn resync_channel(channel: &ChannelName) -> Vec<u8> {
    json!({"type": ServerType::Resync.as_str(), "channel": channel}).to_string().into_bytes()
}
