//! What all subscribers of a query get for one commit: encoded once, and once more for each name that they gave their
//! subscriptions.

use std::sync::Arc;

use basalt_core::Seq;
use bytes::Bytes;

use super::super::frames::{ServerType, SubscriptionId, Tail};
use super::super::transport::Transport;

/// The frames of one commit, or one snapshot.
pub(crate) struct Parcel {
    kind: ServerType,
    /// What of the log it brings its readers to.
    pub(crate) seq: Seq,
    seq_text: Arc<str>,
    tails: Vec<Tail>,
}

/// The same parcel under the names that were met so far.
pub(crate) struct Addressed<'p> {
    parcel: &'p Parcel,
    known: Vec<(SubscriptionId, Transport, Bytes)>,
}

/// Names that are remembered while one parcel is handed out.
const MOST_NAMES: usize = 64;

impl Parcel {
    pub(crate) fn changes(seq: Seq, seq_text: Arc<str>, tails: Vec<Tail>) -> Self {
        Self { kind: ServerType::Change, seq, seq_text, tails }
    }

    pub(crate) fn snapshot(seq: Seq, seq_text: Arc<str>, tail: Tail) -> Self {
        Self { kind: ServerType::Snapshot, seq, seq_text, tails: vec![tail] }
    }

    pub(crate) fn frames(&self) -> usize {
        self.tails.len()
    }

    pub(crate) fn addressed(&self) -> Addressed<'_> {
        Addressed { parcel: self, known: Vec::new() }
    }

    fn encode(&self, id: &str, transport: Transport) -> Bytes {
        let mut out = Vec::new();
        for tail in &self.tails {
            transport.append(&mut out, &tail.frame(self.kind, id), Some(&self.seq_text));
        }
        out.into()
    }
}

impl Addressed<'_> {
    pub(crate) fn to(&mut self, id: &SubscriptionId, transport: Transport) -> Bytes {
        let same = |(known, of, _): &&(SubscriptionId, Transport, Bytes)| *of == transport && known == id;
        if let Some((_, _, bytes)) = self.known.iter().find(same) {
            return bytes.clone();
        }
        let bytes = self.parcel.encode(id, transport);
        if self.known.len() < MOST_NAMES {
            self.known.push((Arc::clone(id), transport, bytes.clone()));
        }
        bytes
    }
}
