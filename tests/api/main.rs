//! What clients can rely on, through the front door: each test starts a server of its own, on both engines.

#![allow(clippy::disallowed_methods, reason = "tests are the outside: a task ends with the test that started it")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod auth;
mod changes;
mod collections;
mod contract;
mod deploy;
mod documents;
mod examples;
mod files;
mod functions;
mod http;
mod realtime;
mod rules;
mod schedules;
mod support;
mod transactions;
mod triggers;
mod webhooks;
