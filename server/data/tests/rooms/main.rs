//! The rooms `collections`, `changes` and `jobs` on real databases, both engines.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod changes;
mod collections;
mod jobs;
mod world;
