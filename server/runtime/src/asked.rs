//! Calls of the host that are under way, each a task of its own: one call within another isn't polled within it, however
//! deep functions call each other, and all of them end with the function's call.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::{Id, JoinSet};

use crate::host::{HostApi, HostError, HostReply, HostRequest};

type Replied = Result<HostReply, HostError>;

#[derive(Default)]
pub(crate) struct Asked {
    tasks: JoinSet<Replied>,
    numbers: HashMap<Id, u32>,
}

impl Asked {
    pub(crate) fn ask(&mut self, number: u32, host: &Arc<dyn HostApi>, request: HostRequest) {
        let host = Arc::clone(host);
        let task = self.tasks.spawn(async move { host.call(request).await });
        self.numbers.insert(task.id(), number);
    }

    /// The next answer; `None` where none is awaited.
    pub(crate) async fn next(&mut self) -> Option<(u32, Replied)> {
        let (id, replied) = match self.tasks.join_next_with_id().await? {
            Ok((id, replied)) => (id, replied),
            Err(error) => {
                tracing::error!(%error, "a call of the host has failed");
                (error.id(), Err(failed()))
            }
        };
        let number = self.numbers.remove(&id)?;
        Some((number, replied))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

fn failed() -> HostError {
    let (code, message) = ("internal".to_owned(), "the server has failed".to_owned());
    HostError { status: 500, code, message, details: serde_json::Map::new() }
}
