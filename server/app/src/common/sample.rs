//! What unit tests of several rooms begin with.

use basalt_core::{Actor, Change, ChangeOp, CollectionName, DocumentId, Seq, Timestamp};

/// An update of `collection/id` at a place in the log, by the server itself, without bodies.
pub(crate) fn change(collection: &CollectionName, id: &str, seq: Seq) -> Change {
    Change {
        seq,
        collection: collection.clone(),
        id: DocumentId::parse(id).unwrap(),
        op: ChangeOp::Update,
        after: None,
        before: None,
        actor: Actor::SYSTEM,
        request_id: String::new(),
        trace: None,
        depth: 0,
        at: Timestamp::from_millis(0),
    }
}
