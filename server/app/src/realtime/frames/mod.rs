//! The frames of `basalt.v1`: what clients send, and what they get.

#[cfg(test)]
mod asyncapi;
mod channels;
mod client;
mod server;

pub use channels::{Join, Said};
pub(super) use channels::{Publish, Track, expelled, joined, message, presence_change, presence_state, resync_channel};
pub use client::Subscription;
pub(super) use client::{ClientFrame, Refused, SubscriptionId};
pub(super) use server::{Op, ServerType, Tail};
pub(super) use server::{auth_expired, change, error, goodbye, ok, pong, resync, snapshot};
