//! `/v1/channels`: what is said in channels and who is there, for those who have no connection.

mod messages;
mod presence;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint!(messages), endpoint!(presence)];
