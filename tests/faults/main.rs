//! The server as a process that is killed, restarted and looked at from outside, on both engines.

#![allow(clippy::disallowed_methods, reason = "tests are the outside: a task ends with the test that started it")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod apps;
mod cascades;
mod cluster;
mod commands;
mod crowds;
mod database;
mod dev;
mod disk;
mod durability;
mod feed;
mod files;
mod functions;
mod idempotency;
mod nodes;
mod realtime;
mod secrets;
mod start;
mod support;
mod tracing;
mod upgrade;
