//! Wire types of changes and their readers.

use basalt_core::change::seq_to_text;
use basalt_core::{Actor, Change, ChangeOp, Timestamp};
use basalt_data::changes::{Changes, Consumer};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One change of one document, as the log has it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Change)]
pub(super) struct ChangeItem<'a> {
    /// Its place, as `Basalt-Seq` names it: texts that sort as the log does.
    seq: String,
    collection: &'a str,
    id: &'a str,
    #[schema(value_type = Op)]
    op: ChangeOp,
    /// Update: the old values of the top-level fields that changed (what was missing is missing here). Delete: the
    /// document as it was.
    #[schema(value_type = Option<Map<String, Value>>)]
    before: Option<&'a Map<String, Value>>,
    /// The document as it then was; null after a delete.
    #[schema(value_type = Option<Map<String, Value>>)]
    after: Option<&'a Map<String, Value>>,
    #[schema(value_type = ActorSchema)]
    actor: &'a Actor,
    request_id: &'a str,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

#[derive(ToSchema)]
#[schema(as = ChangeOp, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes")]
pub(super) enum Op {
    Create,
    Update,
    Delete,
}

/// Who changed it.
#[derive(ToSchema)]
#[schema(as = Actor)]
#[expect(dead_code, reason = "describes")]
pub(super) struct ActorSchema {
    /// `visitor`, `user`, `service`, `operator` or `system`.
    r#type: String,
    id: Option<String>,
}

impl<'a> From<&'a Change> for ChangeItem<'a> {
    fn from(change: &'a Change) -> Self {
        Self {
            seq: seq_to_text(change.seq),
            collection: change.collection.as_str(),
            id: change.id.as_str(),
            op: change.op,
            before: change.before.as_deref(),
            after: change.after.as_deref(),
            actor: &change.actor,
            request_id: &change.request_id,
            at: change.at,
        }
    }
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChangePage)]
pub(super) struct ChangePage<'a> {
    pub(super) items: Vec<ChangeItem<'a>>,
    /// The `since` of the next page; moves on also where nothing matched.
    pub(super) next_since: String,
    /// Whether there may be more already.
    pub(super) more: bool,
}

/// A reader that keeps its place here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Consumer)]
pub(super) struct ConsumerItem {
    name: String,
    since: String,
    /// `active`: the log waits for it; `idle`: it was not moved for so long that the log no longer does; `broken`: it
    /// misses changes and has to begin anew.
    state: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    moved_at: Option<Timestamp>,
    lag: LagItem,
}

/// How far a reader is behind.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsumerLag)]
struct LagItem {
    /// At most so many changes are unread.
    changes: u64,
    /// The age of the oldest of them.
    seconds: f64,
}

impl ConsumerItem {
    pub(super) fn new(consumer: Consumer, changes: &Changes) -> Self {
        Self {
            since: changes.cursor_text(consumer.since),
            name: consumer.name,
            state: consumer.state.as_str(),
            moved_at: consumer.moved_at,
            lag: LagItem { changes: consumer.behind, seconds: consumer.lag.as_secs_f64() },
        }
    }
}
