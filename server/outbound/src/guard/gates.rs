//! How many requests may be under way at once: in all, and to one host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hosts whose gates are kept before those that nobody uses are let go.
const KEPT: usize = 1_024;

pub(super) struct Gates {
    all: Arc<Semaphore>,
    of_host: usize,
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// Held while a request and the body of its answer are under way.
pub(super) struct Pass {
    _all: OwnedSemaphorePermit,
    _host: OwnedSemaphorePermit,
    /// Keeps the host's gate for those who come meanwhile.
    _gate: Arc<Semaphore>,
}

impl Gates {
    pub(super) fn new(all: usize, of_host: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), of_host, hosts: Mutex::default() }
    }

    /// Waits for a place; `None` never comes while the gates stand. The host's comes first, so that those who wait for
    /// a slow host hold no place of all.
    pub(super) async fn enter(&self, host: &str) -> Option<Pass> {
        let gate = self.gate(host);
        let of_host = Arc::clone(&gate).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Pass { _all: of_all, _host: of_host, _gate: gate })
    }

    fn gate(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = hosts.get(host).and_then(Weak::upgrade) {
            return gate;
        }
        if hosts.len() >= KEPT {
            hosts.retain(|_, gate| gate.strong_count() > 0);
        }
        let gate = Arc::new(Semaphore::new(self.of_host));
        hosts.insert(host.to_owned(), Arc::downgrade(&gate));
        gate
    }
}
