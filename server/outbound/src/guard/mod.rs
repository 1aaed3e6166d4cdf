//! The guarded client: URLs that others name are asked, and nothing inside our own walls.

mod address;
mod client;
mod egress;
mod fault;
mod gates;
mod incoming;
mod outgoing;
mod resolve;
pub(crate) mod tls;

pub use address::Network;
pub use client::{Guarded, Options};
pub use egress::{Egress, HostPattern};
pub use fault::{Fault, FaultKind};
pub use incoming::Incoming;
pub use outgoing::{Caps, Outgoing, Redirects};
