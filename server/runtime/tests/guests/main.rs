//! WebAssembly, by guests written by hand.

#![cfg(feature = "wasm")]

mod calls;
mod limits;
mod support;
