//! The rooms `collections`, `changes` and `jobs` on real databases, both engines.
#![allow(clippy::disallowed_methods, reason = "tests are the outside: a task ends with the test that started it")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod changes;
mod collections;
mod jobs;
mod world;
