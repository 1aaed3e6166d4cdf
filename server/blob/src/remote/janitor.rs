use std::sync::Arc;

use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What waits to be taken away; more is left to the sweep.
const WAITING: usize = 1_000;

/// Takes away what was sent of uploads that were given up, so that nobody has to wait for it. What it misses (it dies
/// with the process) the sweep finds.
pub(super) struct Janitor {
    litter: mpsc::Sender<Litter>,
    /// Ends with the store.
    _task: JoinSet<()>,
}

/// A multipart upload, and the object that tells of it.
pub(super) struct Litter {
    pub(super) blob: Path,
    pub(super) upload: String,
    pub(super) ticket: Path,
}

impl Janitor {
    pub(super) fn new(store: Arc<dyn ObjectStore>, multipart: Arc<dyn MultipartStore>) -> Self {
        let (litter, mut found) = mpsc::channel::<Litter>(WAITING);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some(litter) = found.recv().await {
                let gone = multipart.abort_multipart(&litter.blob, &litter.upload).await;
                // The ticket stays as long as there is something to find by it.
                let told = match gone {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => store.delete(&litter.ticket).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = told {
                    tracing::debug!(%error, "an upload that was given up is left to the sweep");
                }
            }
        });
        Self { litter, _task: task }
    }

    pub(super) fn take(&self, litter: Litter) {
        let _ = self.litter.try_send(litter);
    }
}
