//! `/v1/admin/webhooks`

pub(super) mod create;
pub(super) mod delete;
pub(super) mod deliveries;
pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
pub(super) mod rotate;
mod shared;
pub(super) mod test;
