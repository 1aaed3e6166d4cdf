//! `/v1/invocations`: what became of calls that nobody waited for.

use super::endpoint::Endpoint;

pub(super) const ENDPOINTS: &[Endpoint] = &[];
