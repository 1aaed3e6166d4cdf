//! Who wants which events, and who takes them: ports of the room `app::triggers`, implemented by functions and webhooks.

use std::fmt;
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

impl TargetKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Webhook => "webhook",
        }
    }
}

impl Target {
    /// Reads what its `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        let kind = [TargetKind::Function, TargetKind::Webhook].into_iter().find(|known| known.as_str() == kind)?;
        (!name.is_empty()).then(|| Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
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
    /// Drawn for this try: what the invocation or the delivery is to be called, so that others can name it.
    pub invocation: String,
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
