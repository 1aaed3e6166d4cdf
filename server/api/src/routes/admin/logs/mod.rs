//! `/v1/admin/logs`

pub(super) mod read;
mod shared;
mod stream;

pub(super) use shared::Line;
