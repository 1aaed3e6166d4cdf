//! The rooms of this crate on both engines.
#![allow(clippy::disallowed_methods, reason = "tests are the outside: a task ends with the test that started it")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod accounts;
mod anonymous;
mod events;
mod functions;
mod guessing;
mod keys;
mod log_in;
mod me;
mod operators;
mod pictures;
mod principals;
mod refresh;
mod schedules;
mod secrets;
mod sessions;
mod sign_up;
mod tokens;
mod triggers;
mod world;
