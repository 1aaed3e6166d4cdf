//! `/v1/admin/secrets`

pub(super) mod delete;
pub(super) mod list;
pub(super) mod put;
mod shared;
