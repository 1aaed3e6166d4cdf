//! The server as a whole: configuration, wiring, and the commands.
//!
//! [`assemble`] builds a [`Node`] of a [`Configuration`] and the world [`Outside`]; [`Node::start`] serves it. What is
//! real (the clock, randomness, the environment) enters here and nowhere else, so tests hand in their own.

// The futures of a whole command hold those of every floor below: laying them out takes an optimising build deeper than
// the compiler's default.
#![recursion_limit = "256"]

pub mod admin;
mod bundle;
pub mod cli;
pub mod configuration;
mod logging;
mod node;
pub mod outside;
mod wire;

pub use configuration::Configuration;
pub use node::{Node, RunningNode, assemble};
pub use outside::Outside;
pub use wire::{Functions, Rooms};
