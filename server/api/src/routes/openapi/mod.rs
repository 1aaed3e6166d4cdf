//! `/v1/openapi.json`

mod document;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint!(document)];
