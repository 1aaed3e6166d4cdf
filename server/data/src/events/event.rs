use basalt_core::change::{Body, seq_to_text};
use basalt_core::{Actor, Change, ChangeOp, ChannelName, Timestamp, Trace};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// `basalt.document.created` and so on: the CloudEvents type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventType(pub String);

impl EventType {
    pub const TICK: &'static str = "basalt.schedule.tick";
    pub const CHANNEL_MESSAGE: &'static str = "basalt.channel.message";

    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What happened, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The same for all targets and tries: `webhook-id`, `ctx.idempotencyKey`.
    pub id: String,
    pub r#type: EventType,
    /// `/v1/collections/notes`, `/v1/buckets/images`, `/v1/schedules/nightly`, `/v1/channels/room:1`.
    pub source: String,
    /// The document's id, the file's path.
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<ChangeOp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// The place in the log, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<String>,
    /// As it now is; for a delete as it was. Of other events: their data.
    pub doc: Value,
    /// Null on create; of an update the old values of what changed.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub before: Value,
    pub actor: Actor,
    pub request_id: String,
    #[serde(default, with = "trace_text", skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// Functions that heard of each other's writes to come to it: there is an end to that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u8,
    pub at: Timestamp,
}

/// What somebody said in a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMessage {
    pub channel: ChannelName,
    /// Drawn when it was said.
    pub id: String,
    pub event: String,
    pub data: Value,
    pub user: Option<String>,
    pub actor: Actor,
    pub request_id: String,
    pub trace: Option<Trace>,
    pub depth: u8,
    pub at: Timestamp,
}

impl Event {
    /// The event of a change of the log with this id; none of a system collection's.
    pub fn of_change(change: &Change, log_id: &str) -> Option<Self> {
        if change.collection.is_system() {
            return None;
        }
        let value = |body: &Option<Body>| body.as_ref().map_or(Value::Null, |body| Value::Object((**body).clone()));
        let (doc, before) = match change.op {
            ChangeOp::Create => (value(&change.after), Value::Null),
            ChangeOp::Update => (value(&change.after), value(&change.before)),
            ChangeOp::Delete => (value(&change.before), Value::Null),
        };
        let text = |name: &str| doc.get(name).and_then(Value::as_str);
        let (source, subject) = match (change.collection.as_str(), text("bucket"), text("path")) {
            ("files", Some(bucket), Some(path)) => (format!("/v1/buckets/{bucket}"), path.to_owned()),
            (collection, ..) => (format!("/v1/collections/{collection}"), change.id.to_string()),
        };
        let seq = seq_to_text(change.seq);
        Some(Self {
            id: format!("{log_id}.{seq}"),
            r#type: type_of(change),
            source,
            subject,
            op: Some(change.op),
            collection: Some(change.collection.to_string()),
            seq: Some(seq),
            doc,
            before,
            actor: change.actor.clone(),
            request_id: change.request_id.clone(),
            trace: change.trace,
            depth: change.depth,
            at: change.at,
        })
    }

    /// The tick of a schedule. `id` is the same whoever makes it.
    pub fn tick(schedule: &str, id: String, doc: Map<String, Value>, at: Timestamp) -> Self {
        Self {
            r#type: EventType::new(EventType::TICK),
            source: format!("/v1/schedules/{schedule}"),
            subject: schedule.to_owned(),
            op: None,
            collection: None,
            seq: None,
            doc: Value::Object(doc),
            before: Value::Null,
            actor: Actor::SYSTEM,
            request_id: format!("tick-{id}"),
            trace: None,
            depth: 0,
            at,
            id,
        }
    }

    pub fn of_message(message: ChannelMessage) -> Self {
        let ChannelMessage { channel, id, event, data, user, actor, request_id, trace, depth, at } = message;
        let doc = json!({
            "channel": channel, "event": event, "data": data, "userId": user, "id": id, "at": at,
        });
        Self {
            id,
            r#type: EventType::new(EventType::CHANNEL_MESSAGE),
            source: format!("/v1/channels/{}", channel.as_str()),
            subject: event,
            op: None,
            collection: None,
            seq: None,
            doc,
            before: Value::Null,
            actor,
            request_id,
            trace,
            depth,
            at,
        }
    }

    /// As functions and webhooks get it, on this try.
    pub fn to_json(&self, attempt: u32) -> Value {
        json!({
            "id": self.id, "type": self.r#type, "source": self.source, "subject": self.subject, "op": self.op,
            "collection": self.collection, "seq": self.seq, "doc": self.doc, "before": self.before,
            "actor": self.actor, "requestId": self.request_id, "at": self.at, "attempt": attempt,
        })
    }

    /// What events of the same one have in common, which are delivered in order: a document, a channel.
    pub fn order(&self) -> String {
        match (&self.collection, self.doc.get("id").and_then(Value::as_str)) {
            // A file that moves keeps its id.
            (Some(collection), Some(id)) => format!("{collection}/{id}"),
            _ => self.source.clone(),
        }
    }
}

fn type_of(change: &Change) -> EventType {
    let what = match change.collection.as_str() {
        "files" => "file",
        "users" => "user",
        _ => "document",
    };
    let happened = match change.op {
        ChangeOp::Create => "created",
        ChangeOp::Update if what == "user" && signed_in(change) => "signed_in",
        ChangeOp::Update => "updated",
        ChangeOp::Delete => "deleted",
    };
    EventType(format!("basalt.{what}.{happened}"))
}

/// Signing in changes nothing of a user but the time of it.
fn signed_in(change: &Change) -> bool {
    let (Some(after), Some(before)) = (&change.after, &change.before) else { return false };
    let old = before.get("lastLoginAt");
    let is_noted = after.get("lastLoginAt").is_some_and(|new| !new.is_null() && old != Some(new));
    // A first sign-in has no old value, an update of something else no new one.
    let touched = before.keys().filter(|name| !["rev", "updatedAt", "lastLoginAt"].contains(&name.as_str())).count();
    is_noted && touched == 0 && (old.is_some() || after.get("lastLoginAt") == after.get("updatedAt"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_zero(depth: &u8) -> bool {
    *depth == 0
}

mod trace_text {
    use basalt_core::Trace;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "as serde calls it")]
    pub(super) fn serialize<S: Serializer>(trace: &Option<Trace>, serializer: S) -> Result<S::Ok, S::Error> {
        trace.map(|trace| trace.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Trace>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(text.as_deref().and_then(Trace::parse))
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::{CollectionName, DocumentId};

    use super::*;

    fn change(collection: &str, op: ChangeOp, after: Value, before: Value) -> Change {
        let body = |value: Value| value.as_object().cloned().map(Body::from);
        Change {
            seq: 10,
            collection: CollectionName::parse(collection).unwrap(),
            id: DocumentId::parse("d1").unwrap(),
            op,
            after: body(after),
            before: body(before),
            actor: Actor::SYSTEM,
            request_id: "r1".into(),
            trace: Some(Trace { id: [1; 16], span: [2; 8], sampled: true }),
            depth: 0,
            at: Timestamp::from_millis(0),
        }
    }

    fn event(collection: &str, op: ChangeOp, after: Value, before: Value) -> Event {
        Event::of_change(&change(collection, op, after, before), "log").unwrap()
    }

    #[test]
    fn changes_are_events_of_their_kind() {
        let created = event("notes", ChangeOp::Create, json!({"id": "d1", "n": 1}), Value::Null);
        assert_eq!(
            created.to_json(2),
            json!({
                "id": "log.000000000000000a", "seq": "000000000000000a", "type": "basalt.document.created",
                "source": "/v1/collections/notes", "subject": "d1", "op": "create", "collection": "notes",
                "doc": {"id": "d1", "n": 1}, "before": null, "actor": {"type": "system", "id": null},
                "requestId": "r1", "at": "1970-01-01T00:00:00.000Z", "attempt": 2,
            })
        );
        let deleted = event("notes", ChangeOp::Delete, Value::Null, json!({"id": "d1", "n": 1}));
        assert_eq!((deleted.doc["n"].as_i64(), &deleted.before), (Some(1), &Value::Null), "as it was");
        let file = json!({"id": "d1", "bucket": "images", "path": "a/b.png"});
        let file = event("files", ChangeOp::Update, file, json!({"path": "a.png"}));
        assert_eq!((file.r#type.0.as_str(), file.source.as_str()), ("basalt.file.updated", "/v1/buckets/images"));
        assert_eq!((file.subject.as_str(), file.order().as_str()), ("a/b.png", "files/d1"));
        let system = change("_sessions", ChangeOp::Create, Value::Null, Value::Null);
        assert_eq!(Event::of_change(&system, "log"), None);
    }

    #[test]
    fn a_sign_in_is_told_apart_from_an_update() {
        let user = json!({"id": "d1", "lastLoginAt": "2", "updatedAt": "2", "name": "ann"});
        let kind = |before| event("users", ChangeOp::Update, user.clone(), before).r#type.0;
        assert_eq!(kind(json!({"lastLoginAt": "1", "updatedAt": "1", "rev": "a"})), "basalt.user.signed_in");
        assert_eq!(kind(json!({"updatedAt": "1", "rev": "a"})), "basalt.user.signed_in", "the first time");
        assert_eq!(kind(json!({"name": "bob", "updatedAt": "1"})), "basalt.user.updated");
    }

    #[test]
    fn an_event_survives_the_queue() {
        let event = event("notes", ChangeOp::Update, json!({"id": "d1", "n": 1}), json!({"n": 0}));
        let stored = serde_json::to_value(&event).unwrap();
        assert_eq!(serde_json::from_value::<Event>(stored).unwrap(), event);
    }
}
