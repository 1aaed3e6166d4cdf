//! Events: changes of the log, ticks, messages, as functions and receivers outside get them.
//!
//! Promises: an event has one id however often it is delivered; what rules hide from everybody (system collections)
//! never becomes one.

mod event;
mod subscription;

pub use event::{ChannelMessage, Event, EventType};
pub use subscription::{Delivery, Lane, Received, Receiver, Subscribers, Subscription, Target, TargetKind};
