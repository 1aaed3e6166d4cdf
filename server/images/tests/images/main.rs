//! Pictures made by the tests themselves, in and out again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod describe;
mod fits;
mod hostile;
mod metadata;
mod pictures;
mod probe;
mod weights;
mod workers;
