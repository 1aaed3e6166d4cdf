//! The endpoints, a folder a room and a file an action: the path repeats the URL.

mod admin;
mod auth;
mod buckets;
mod changes;
mod channels;
mod documents;
pub(crate) mod endpoint;
mod functions;
mod health;
mod invocations;
mod openapi;
mod realtime;
mod tasks;
mod transactions;
mod well_known;

use actix_web::web::ServiceConfig;
use endpoint::Endpoint;

/// All endpoints, in the order of the OpenAPI document. The router asks in it, too, after the busiest.
pub(crate) fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    const ROOMS: [&[Endpoint]; 14] = [
        health::ENDPOINTS,
        documents::ENDPOINTS,
        transactions::ENDPOINTS,
        functions::ENDPOINTS,
        changes::ENDPOINTS,
        auth::ENDPOINTS,
        buckets::ENDPOINTS,
        realtime::ENDPOINTS,
        channels::ENDPOINTS,
        tasks::ENDPOINTS,
        invocations::ENDPOINTS,
        admin::ENDPOINTS,
        well_known::ENDPOINTS,
        openapi::ENDPOINTS,
    ];
    ROOMS.into_iter().flatten()
}

pub(crate) fn configure(config: &mut ServiceConfig) {
    endpoint::configure(config, endpoints());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_paths_are_paths_of_ours() {
        for path in endpoint::BUSIEST {
            assert!(endpoints().any(|endpoint| (endpoint.path)() == path), "{path}");
        }
    }
}
