//! Room `triggers`: changes of the log and messages of channels, brought to the functions and webhooks that want them.
//!
//! Promises: every change is given to every target that wants it, at least once, under one id; of one document (or file,
//! user, channel) in order, of several at the same time. What a target doesn't take is tried again with growing pauses,
//! then kept as a dead letter. No target and no document holds up another. One node reads the log at a time; another
//! takes over within [`lease::HELD`]. Messages of channels aren't stored: one may be lost with its node.

mod deliver;
mod follow;
mod lease;
mod letters;
mod measure;
mod messages;
mod passed;
mod traced;

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{Error, Result, Spans, Timestamp, random};
use basalt_data::changes::Changes;
use basalt_data::events::{Event, Receiver, Subscribers, Target, TargetKind};
use basalt_store::NewJob;
use serde_json::Value;

use crate::common::Db;

pub use deliver::{Deliveries, FAMILY};
pub use letters::{Letter, LetterPage, LettersQuery};
pub use messages::Messages;
pub use passed::Feed;
use passed::Passed;

/// What a node calls itself that has no others beside it.
const ALONE: &str = "alone";

/// What the room stands on.
pub struct TriggersParts {
    pub db: Db,
    pub changes: Changes,
    /// Who wants which events.
    pub subscribers: Vec<Arc<dyn Subscribers>>,
    /// Who takes them.
    pub receivers: BTreeMap<TargetKind, Arc<dyn Receiver>>,
    /// Where the spans of deliveries go.
    pub spans: Arc<dyn Spans>,
}

/// The room; cheap to clone.
#[derive(Clone)]
pub struct Triggers(Arc<Inner>);

struct Inner {
    parts: TriggersParts,
    /// What this node calls itself in the lease.
    node: String,
    messages: Messages,
    passed: Passed,
}

impl Triggers {
    pub fn new(parts: TriggersParts) -> Self {
        measure::describe();
        // Where there can be no other node, the lease of the process before is this one's.
        let alone = parts.db.store().signals().is_none();
        let node = if alone { ALONE.to_owned() } else { random::base32hex(&random::bytes::<10>(parts.db.random())) };
        let messages = Messages::new(parts.subscribers.clone());
        Self(Arc::new(Inner { parts, node, messages, passed: Passed::default() }))
    }

    /// What does the deliveries: jobs of the family [`FAMILY`].
    pub fn deliveries(&self) -> Arc<Deliveries> {
        Arc::new(Deliveries::new(self.clone()))
    }

    /// What the node's tailer feeds: it wakes the reader of the log.
    pub fn feed(&self) -> Feed {
        Feed(self.clone())
    }

    /// Where channels tell what is said in them.
    pub fn messages(&self) -> Messages {
        self.0.messages.clone()
    }

    fn db(&self) -> &Db {
        &self.0.parts.db
    }

    /// The targets that want an event.
    fn wanting(&self, event: &Event) -> Vec<Target> {
        let all = self.0.parts.subscribers.iter().map(|subscribers| subscribers.subscriptions());
        let mut targets = Vec::new();
        for subscriptions in all {
            let wanted = subscriptions.iter().filter(|subscription| (subscription.wants)(event));
            targets.extend(wanted.map(|subscription| subscription.target.clone()));
        }
        targets
    }

    /// Whether anybody wants anything.
    fn is_wanted(&self) -> bool {
        self.0.parts.subscribers.iter().any(|subscribers| !subscribers.subscriptions().is_empty())
    }
}

/// The jobs that bring an event to its targets.
fn jobs(targets: Vec<Target>, event: &Event, now: Timestamp) -> Result<Vec<NewJob>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let payload: Value = serde_json::to_value(event).map_err(Error::internal)?;
    let order = event.order();
    let job = |target: Target| {
        let kind = deliver::kind(&target);
        let order_key = Some(format!("{kind} {order}"));
        NewJob { kind: kind.into(), key: Some(event.id.clone()), order_key, payload: payload.clone(), run_at: now }
    };
    Ok(targets.into_iter().map(job).collect())
}
