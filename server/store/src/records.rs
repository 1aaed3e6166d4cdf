//! Append-only observations (request records, logs, invocations …): batched, kept for a time, dropped (and counted)
//! rather than slowing anything down.

use basalt_core::Timestamp;
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Record {
    pub kind: &'static str,
    pub at: Timestamp,
    pub body: Value,
}
