//! `/v1/functions`: calls of functions.

mod call;
mod head;
mod http;
mod tail;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(call),
    endpoint!(http::get),
    endpoint!(http::put),
    endpoint!(http::patch),
    endpoint!(http::delete),
    endpoint!(tail::get),
    endpoint!(tail::post),
    endpoint!(tail::put),
    endpoint!(tail::patch),
    endpoint!(tail::delete),
];
