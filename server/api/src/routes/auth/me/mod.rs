//! `/v1/auth/me`

pub(super) mod delete;
pub(super) mod get;
pub(super) mod update;
