//! Who wants which events, and who takes them: ports of the room `app::triggers`, implemented by functions and webhooks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use basalt_core::Timestamp;

use super::event::Event;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKind {
    Function,
    Webhook,
}

/// `function/wordCount`, `webhook/crm`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    pub kind: TargetKind,
    pub name: String,
}

/// One target's wish.
pub struct Subscription {
    pub target: Target,
    /// Whether an event is meant; cheap, and true only where its condition is.
    pub wants: Box<dyn Fn(&Event) -> bool + Send + Sync>,
}

/// All wishes as they are now, on every node alike.
pub trait Subscribers: Send + Sync {
    fn subscriptions(&self) -> Arc<Vec<Arc<Subscription>>>;
}

/// How a target is delivered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Deliveries under way at once on a node.
    pub concurrency: usize,
    /// Before an event is a dead letter.
    pub tries: u32,
    /// The longest that one try may take.
    pub timeout: std::time::Duration,
}

#[derive(Clone, Debug)]
pub struct Delivery {
    pub target: Target,
    pub event: Event,
    /// 1 on the first try.
    pub attempt: u32,
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    Done,
    /// To be tried again: at `at`, or after the usual pause.
    Retry {
        at: Option<Timestamp>,
        error: String,
    },
    /// Never again: a dead letter at once.
    Refused {
        error: String,
    },
    /// The target is gone, or switched off: nothing to do.
    Gone,
}

pub trait Receiver: Send + Sync {
    /// `None`: there is no such target any more.
    fn lane(&self, target: &Target) -> Option<Lane>;

    fn receive<'a>(&'a self, delivery: &'a Delivery) -> Pin<Box<dyn Future<Output = Received> + Send + 'a>>;
}
