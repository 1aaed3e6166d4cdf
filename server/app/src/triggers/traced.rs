//! The span of one delivery: between the write that caused the event and what its target does with it.

use std::time::Instant;

use basalt_core::{Span, SpanKind, Timestamp, Trace};
use basalt_data::events::{Event, Received, Target};
use serde_json::{Map, json};

use super::TriggersParts;

pub(super) struct Traced {
    own: Trace,
    parent: [u8; 8],
    name: String,
    attempt: u32,
    start: Timestamp,
    began: Instant,
}

impl Traced {
    /// From here on the event's trace is this span. `None` where nobody wants to know.
    pub(super) fn begin(parts: &TriggersParts, target: &Target, event: &mut Event, attempt: u32) -> Option<Self> {
        let trace = event.trace.filter(|trace| trace.sampled && parts.spans.collects())?;
        let own = trace.child(parts.db.random());
        event.trace = Some(own);
        let (name, start) = (format!("trigger {target}"), parts.db.now());
        Some(Self { own, parent: trace.span, name, attempt, start, began: Instant::now() })
    }

    pub(super) fn end(self, parts: &TriggersParts, received: &Received) {
        let error = match received {
            Received::Done | Received::Gone => None,
            Received::Retry { error, .. } | Received::Refused { error } => Some(error.clone()),
        };
        parts.spans.record(Span {
            trace: self.own,
            parent: Some(self.parent),
            name: self.name.into(),
            kind: SpanKind::Consumer,
            start: self.start,
            duration: self.began.elapsed(),
            attributes: Map::from_iter([("basalt.attempt".to_owned(), json!(self.attempt))]),
            error,
        });
    }
}
