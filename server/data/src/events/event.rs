use basalt_core::{Actor, ChangeOp, Timestamp, Trace};
use serde_json::Value;

/// `basalt.document.created` and so on: the CloudEvents type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventType(pub String);

/// What happened, once.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The same for all targets and tries: `webhook-id`, `ctx.idempotencyKey`.
    pub id: String,
    pub r#type: EventType,
    /// `/v1/collections/notes`, `/v1/buckets/images`, `/v1/schedules/nightly`, `/v1/channels/room:1`.
    pub source: String,
    /// The document's id, the file's path.
    pub subject: String,
    pub op: Option<ChangeOp>,
    pub collection: Option<String>,
    /// The place in the log, as text.
    pub seq: Option<String>,
    /// As it now is; for a delete as it was. Of other events: their data.
    pub doc: Value,
    /// Null on create.
    pub before: Value,
    pub actor: Actor,
    pub request_id: String,
    pub trace: Option<Trace>,
    pub at: Timestamp,
}
