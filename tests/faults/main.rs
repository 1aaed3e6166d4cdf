//! The server as a process that is killed, restarted and looked at from outside, on both engines.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod commands;
mod database;
mod durability;
mod idempotency;
mod nodes;
mod secrets;
mod start;
mod support;
mod upgrade;
