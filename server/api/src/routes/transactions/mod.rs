//! `/v1/transactions`

mod commit;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint!(commit)];
