//! Names become addresses once, here, and only those that may be connected to are handed on: what was checked is what
//! is connected to, whatever the name says a moment later.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{Network, permitted};
use super::fault::Fault;

/// Addresses of one name that are tried.
const MOST: usize = 16;

pub(super) struct Resolver {
    pub(super) private: Arc<[Network]>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = Arc::clone(&self.private);
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.take(4 * MOST).collect();
            let known = !found.is_empty();
            let mut good: Vec<SocketAddr> =
                found.into_iter().filter(|address| permitted(address.ip(), &private)).collect();
            good.truncate(MOST);
            if known && good.is_empty() {
                return Err(Fault::address_refused(host).into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}
