//! The apps of `examples/`, as their people would use them.

mod chatbot;
mod leaderboard;
mod media;
mod notes;
mod support;
mod wasm;
