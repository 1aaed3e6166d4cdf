//! `/health` and `/metrics`: for whoever runs the server.

mod live;
mod metrics;
mod ready;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint!(live), endpoint!(ready), endpoint!(metrics)];
