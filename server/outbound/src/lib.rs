//! What leaves the server: the one HTTP client, signatures of what it sends, and spans.
//!
//! Promises: nothing is connected to but what was checked, however a URL is spelt and wherever it redirects; everything
//! is bounded, in bytes, in time and in number; spans never hold anybody up.

mod cloud_event;
mod guard;
mod message;
mod signing;
mod spans;

pub use cloud_event::CloudEvent;
pub use guard::{
    Caps, Egress, Fault, FaultKind, Guarded, HostPattern, Incoming, Network, Options, Outgoing, Redirects,
};
pub use message::Message;
pub use signing::SigningSecret;
pub use spans::{OtlpOptions, OtlpSpans};
