//! `/v1/admin/functions`

pub(super) mod aliases;
pub(super) mod delete;
pub(super) mod deploy;
pub(super) mod get;
pub(super) mod list;
pub(super) mod rollback;
mod shared;
pub(super) mod versions;
