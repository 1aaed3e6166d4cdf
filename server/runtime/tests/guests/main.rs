//! WebAssembly, by guests written by hand.

#![cfg(feature = "wasm")]
#![expect(clippy::unwrap_used, reason = "helpers fail a test by panicking")]

mod calls;
mod limits;
mod support;
