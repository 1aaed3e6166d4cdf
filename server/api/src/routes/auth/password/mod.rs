//! `/v1/auth/password`

pub(super) mod change;
