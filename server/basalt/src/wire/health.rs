//! Whether this node can serve.

use std::sync::Arc;
use std::time::Duration;

use basalt_api::{Health, ReadyFuture};
use basalt_core::{Clock, Code, Error};
use basalt_data::changes::Lag;
use basalt_store::Store;

/// A node that is further behind the log than this may act on rights that were taken away.
const MOST_BEHIND: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct NodeHealth {
    store: Store,
    lag: Lag,
    clock: Arc<dyn Clock>,
}

impl NodeHealth {
    pub(super) fn new(store: Store, lag: Lag, clock: Arc<dyn Clock>) -> Self {
        Self { store, lag, clock }
    }
}

impl Health for NodeHealth {
    fn ready(&self) -> ReadyFuture<'_> {
        Box::pin(async {
            let not_ready = |detail: &str| Error::new(Code::Unavailable, detail);
            match tokio::time::timeout(PATIENCE, self.store.ping()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(not_ready("The database does not answer.").caused_by(error)),
                Err(_) => return Err(not_ready("The database does not answer in time.")),
            }
            if self.lag.behind(self.clock.now()) > MOST_BEHIND {
                return Err(not_ready("This node is behind the change log."));
            }
            Ok(())
        })
    }
}
