//! `/v1/collections/{collection}`: documents.

mod aggregate;
mod create;
mod delete;
mod export;
mod get;
mod history;
pub(in crate::routes) mod import;
mod list;
mod patch;
mod query;
mod replace;
pub(in crate::routes) mod shared;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(get),
    endpoint!(history::list),
    endpoint!(history::restore),
    endpoint!(create),
    endpoint!(list),
    endpoint!(patch),
    endpoint!(replace),
    endpoint!(delete),
    endpoint!(query),
    endpoint!(aggregate),
    endpoint!(export),
    endpoint!(import),
];
