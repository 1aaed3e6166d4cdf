//! `/v1/buckets/{bucket}/uploads`: tus 1.0.0 with creation, creation-with-upload, creation-defer-length, expiration,
//! checksum and termination.

pub(super) mod append;
pub(super) mod create;
pub(super) mod discover;
pub(super) mod discover_one;
pub(super) mod overridden;
mod shared;
pub(super) mod show;
pub(super) mod terminate;
