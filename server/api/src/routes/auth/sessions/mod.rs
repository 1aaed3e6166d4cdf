//! `/v1/auth/sessions`

pub(super) mod end;
pub(super) mod list;
