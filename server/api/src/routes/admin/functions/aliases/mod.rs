//! `/v1/admin/functions/{function}/aliases`

pub(in super::super) mod delete;
pub(in super::super) mod get;
pub(in super::super) mod put;
