//! `/v1/admin/functions/{function}/versions`

pub(in super::super) mod get;
pub(in super::super) mod list;
