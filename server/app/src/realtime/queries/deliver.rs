//! From the steps of a commit to the frames in the subscribers' queues.

use std::collections::HashMap;

use basalt_core::{DocumentId, Seq};
use bytes::Bytes;

use super::super::frames::{self, Op, Tail};
use super::super::metrics;
use super::super::outbox::Pushed;
use super::Wish;
use super::members::Step;
use super::parcel::Parcel;
use super::query::{Reach, SubscriptionKey};

pub(crate) struct Subscriber {
    pub(super) reach: Reach,
    /// He has been told everything up to here.
    pub(super) after: Seq,
}

pub(super) fn tails(seq: &str, steps: Vec<Step>) -> Vec<Tail> {
    let last = steps.len().saturating_sub(1);
    steps.into_iter().enumerate().map(|(n, step)| tail(seq, step, n < last)).collect()
}

fn tail(seq: &str, step: Step, more: bool) -> Tail {
    match step {
        Step::Added { index, body } => frames::change(seq, Op::Added, &body, Some(index), more),
        Step::Modified { index, body } => frames::change(seq, Op::Modified, &body, Some(index), more),
        Step::Removed { index, id } => frames::change(seq, Op::Removed, &removed(&id), index, more),
    }
}

fn removed(id: &DocumentId) -> Vec<u8> {
    format!("{{\"id\":\"{id}\"}}").into_bytes()
}

pub(super) fn deliver(parcel: &Parcel, subscribers: &HashMap<SubscriptionKey, Subscriber>, wishes: &mut Vec<Wish>) {
    let mut addressed = parcel.addressed();
    let mut frames = 0;
    for (key, Subscriber { reach, after }) in subscribers {
        if parcel.seq > *after {
            frames += parcel.frames();
            send(*key, reach, addressed.to(&reach.id, reach.outbox.transport()), wishes);
        }
    }
    metrics::sent(frames);
}

pub(super) fn deliver_to(
    parcel: &Parcel,
    key: SubscriptionKey,
    subscribers: &HashMap<SubscriptionKey, Subscriber>,
    wishes: &mut Vec<Wish>,
) {
    if let Some(Subscriber { reach, .. }) = subscribers.get(&key) {
        metrics::sent(parcel.frames());
        send(key, reach, parcel.addressed().to(&reach.id, reach.outbox.transport()), wishes);
    }
}

pub(super) fn send(key: SubscriptionKey, reach: &Reach, frames: Bytes, wishes: &mut Vec<Wish>) {
    if reach.outbox.push(frames) == Pushed::Overflowed {
        wishes.push(Wish::Overflowed(key));
    }
}
