//! The prelude as functions see it, in this process and with a host made up for it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod call;
mod data;
mod fetch;
mod streams;
mod support;
mod web;
