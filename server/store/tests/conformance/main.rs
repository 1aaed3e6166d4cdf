//! What the store promises, on both engines.

mod catalog;
mod commit;
mod common;
