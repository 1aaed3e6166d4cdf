//! The shape of the house, held by tests: which crate may name which, which room may import which, migration twins,
//! licences, sizes, words that may not occur, links that have to resolve.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod crates;
mod docs;
mod migrations;
mod rooms;
mod sources;
mod tree;
