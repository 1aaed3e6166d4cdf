//! `/v1/admin/invocations`

pub(super) mod get;
pub(super) mod list;
mod shared;
