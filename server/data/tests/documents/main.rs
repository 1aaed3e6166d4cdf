//! The room `documents`, through its use cases, on both engines.
#![allow(clippy::disallowed_methods, reason = "tests are the outside: a task ends with the test that started it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod aggregates;
mod built_in;
mod epochs;
mod hooks;
mod idempotency;
mod lists;
mod parallel;
mod patches;
mod preconditions;
mod rules;
mod transactions;
mod users;
mod world;
mod writes;
