//! `/v1/admin/collections`

pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
mod shared;

pub(super) use shared::PlanSchema;
