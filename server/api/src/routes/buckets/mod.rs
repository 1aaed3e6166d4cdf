//! `/v1/buckets/{bucket}`

mod copy;
mod files;
mod metadata;
mod release;
mod relocate;
mod sending;
mod shared;
mod sign;
mod uploads;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(files::list),
    endpoint!(files::post),
    endpoint!(files::get),
    endpoint!(files::put),
    endpoint!(files::delete),
    endpoint!(metadata::get),
    endpoint!(metadata::patch),
    endpoint!(copy),
    endpoint!(relocate),
    endpoint!(sign),
    endpoint!(release),
    endpoint!(uploads::append),
    endpoint!(uploads::show),
    endpoint!(uploads::create),
    endpoint!(uploads::terminate),
    endpoint!(uploads::overridden),
    endpoint!(uploads::discover),
    endpoint!(uploads::discover_one),
];
