//! `/v1/admin/webhooks/{name}/deliveries`

pub(in crate::routes::admin) mod get;
pub(in crate::routes::admin) mod list;
pub(in crate::routes::admin) mod replay;
