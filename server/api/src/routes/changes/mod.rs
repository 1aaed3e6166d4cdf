//! `/v1/changes`: the log of changes, for services.

mod consumers;
mod read;
mod shared;
mod stream;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(read),
    endpoint!(consumers::list),
    endpoint!(consumers::get),
    endpoint!(consumers::put),
    endpoint!(consumers::delete),
];
