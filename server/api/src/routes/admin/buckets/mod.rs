//! `/v1/admin/buckets`

pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
mod shared;
