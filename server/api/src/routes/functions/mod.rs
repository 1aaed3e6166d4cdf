//! `/v1/functions`: calls of functions.

use super::endpoint::Endpoint;

pub(super) const ENDPOINTS: &[Endpoint] = &[];
