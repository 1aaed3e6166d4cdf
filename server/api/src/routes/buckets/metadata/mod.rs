//! `/v1/buckets/{bucket}/metadata`

pub(super) mod get;
pub(super) mod patch;
