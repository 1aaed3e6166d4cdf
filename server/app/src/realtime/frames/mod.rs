//! The frames of `basalt.v1`: what clients send, and what they get.

mod client;
mod server;

pub use client::Subscription;
pub(super) use client::{ClientFrame, Refused, SubscriptionId};
pub(super) use server::{Op, Tail};
pub(super) use server::{auth_expired, change, error, goodbye, ok, pong, resync, snapshot};
