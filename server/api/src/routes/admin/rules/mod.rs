//! `/v1/admin/rules`

pub(super) mod access;
pub(super) mod simulate;
