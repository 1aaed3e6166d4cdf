//! `/v1/realtime`: live queries over long-lived connections.

mod socket;
mod sse;
mod streams;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint!(socket), endpoint!(sse)];
