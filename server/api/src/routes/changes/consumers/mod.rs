//! `/v1/changes/consumers`: readers that keep their places here.

pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
