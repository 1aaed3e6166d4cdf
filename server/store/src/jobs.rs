//! The durable queue: jobs are enqueued in the batch that causes them ([`crate::NewJob`]), claimed under a lease and
//! completed with its token.

use basalt_core::Timestamp;
use serde_json::Value;

/// A claimed job. `token` fences: once the lease is over and another claimed it, completing with the old token is
/// refused.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: i64,
    pub kind: String,
    pub payload: Value,
    /// 1 on the first try.
    pub attempt: u32,
    pub token: i64,
    pub enqueued_at: Timestamp,
}
