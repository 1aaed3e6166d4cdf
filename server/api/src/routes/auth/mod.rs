//! `/v1/auth`: signing up and in, sessions, one's own profile.

mod anonymous;
mod login;
mod logout;
mod me;
mod password;
mod refresh;
mod sessions;
pub(in crate::routes) mod shared;
mod signup;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(login),
    endpoint!(refresh),
    endpoint!(me::get),
    endpoint!(me::update),
    endpoint!(me::delete),
    endpoint!(signup),
    endpoint!(anonymous),
    endpoint!(logout),
    endpoint!(sessions::list),
    endpoint!(sessions::end),
    endpoint!(password::change),
];
