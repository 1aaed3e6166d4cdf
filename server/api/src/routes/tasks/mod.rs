//! `/v1/tasks`: calls of functions that are made later.

use super::endpoint::Endpoint;

pub(super) const ENDPOINTS: &[Endpoint] = &[];
