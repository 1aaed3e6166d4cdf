//! `/v1/invocations`: answers that wait for their callers.

mod get;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint!(get)];
