//! `/.well-known`: what other services need to verify our tokens.

mod jwks;
mod openid_configuration;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[endpoint!(jwks), endpoint!(openid_configuration)];
