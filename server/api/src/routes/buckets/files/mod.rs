//! `/v1/buckets/{bucket}/files`

pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod post;
pub(super) mod put;
