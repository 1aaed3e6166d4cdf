//! The client against real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod guard;
mod peer;
mod redirects;
mod signing;
