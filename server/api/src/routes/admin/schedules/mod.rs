//! `/v1/admin/schedules`

pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
pub(super) mod run;
pub(super) mod runs;
mod shared;
