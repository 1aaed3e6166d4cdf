//! Scripts in worker processes, from the sources to the report.

#![expect(clippy::unwrap_used, reason = "helpers fail a test by panicking")]

mod attacks;
mod bombs;
mod calls;
mod http;
mod isolation;
mod preparing;
mod rejections;
mod supervision;
mod support;
