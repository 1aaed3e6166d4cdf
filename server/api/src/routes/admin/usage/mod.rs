//! `/v1/admin/usage`

pub(super) mod read;
