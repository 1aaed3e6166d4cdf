//! `/v1/tasks`: calls of functions that nobody waits for.

mod cancel;
mod create;
mod get;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint!(create), endpoint!(get), endpoint!(cancel)];
