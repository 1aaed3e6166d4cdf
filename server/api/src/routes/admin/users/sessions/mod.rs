//! `/v1/admin/users/{id}/sessions`

pub(in crate::routes::admin) mod end;
pub(in crate::routes::admin) mod list;
