//! `/v1/admin/users`

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod import;
pub(super) mod list;
pub(super) mod sessions;
pub(super) mod update;
