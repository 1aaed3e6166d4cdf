//! `/v1/admin/roles`

pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
