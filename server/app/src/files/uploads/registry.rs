//! The uploads that requests of this node are at: a newer request has an older one save what it has and let go.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use basalt_core::Result;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio::task::JoinSet;

use super::{UploadId, locked};

/// How long an older request may take to save what it has.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Registry {
    slots: Arc<Slots>,
    /// What goes on although its request is gone.
    tasks: Mutex<JoinSet<()>>,
}

type Slots = Mutex<HashMap<UploadId, Arc<Slot>>>;

#[derive(Default)]
struct Slot {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Counts the requests; the last has the right of way.
    newest: watch::Sender<u64>,
}

/// The one request of this node that is at an upload.
pub(super) struct Turn {
    id: UploadId,
    slots: Arc<Slots>,
    slot: Arc<Slot>,
    number: u64,
    newest: watch::Receiver<u64>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Registry {
    /// Waits until this request is the one at the upload. One that a newer came after gives up.
    pub(super) async fn enter(&self, id: &UploadId) -> Result<Turn> {
        let slot = Arc::clone(lock(&self.slots).entry(id.clone()).or_default());
        let mut number = 0;
        slot.newest.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        let newest = slot.newest.subscribe();
        let turn = Arc::clone(&slot.turn);
        let mut entered = Turn { id: id.clone(), slots: Arc::clone(&self.slots), slot, number, newest, held: None };
        let held = tokio::select! {
            biased;
            () = entered.superseded() => return Err(locked()),
            held = turn.lock_owned() => held,
            () = tokio::time::sleep(PATIENCE) => return Err(locked()),
        };
        entered.held = Some(held);
        Ok(entered)
    }

    /// Goes on with something whatever becomes of the request.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "an upload's task failed");
            }
        }
        tasks.spawn(task);
    }
}

impl Turn {
    /// Ends when a newer request has come.
    pub(super) async fn superseded(&mut self) {
        let number = self.number;
        if self.newest.wait_for(|newest| *newest > number).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut slots = lock(&self.slots);
        self.held = None;
        // The map's and this one: nobody else waits.
        if Arc::strong_count(&self.slot) == 2 {
            slots.remove(&self.id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> UploadId {
        UploadId::parse(&"0".repeat(26)).unwrap()
    }

    #[tokio::test]
    async fn a_newer_request_has_the_older_one_let_go() {
        let (registry, id) = (Registry::default(), id());
        let mut first = registry.enter(&id).await.unwrap();
        let (second, ()) = tokio::join!(registry.enter(&id), async {
            first.superseded().await;
            drop(first);
        });
        drop(second.unwrap());
        assert!(lock(&registry.slots).is_empty(), "nothing is left");
    }

    #[tokio::test]
    async fn one_that_waits_gives_up_for_a_newer_one() {
        let (registry, id) = (Registry::default(), id());
        let first = registry.enter(&id).await.unwrap();
        let (second, third) = tokio::join!(registry.enter(&id), async {
            let third = registry.enter(&id);
            tokio::pin!(third);
            assert!(futures_util::poll!(&mut third).is_pending());
            drop(first);
            third.await
        });
        assert_eq!(second.err().unwrap().code(), basalt_core::Code::UploadLocked);
        drop(third.unwrap());
        assert!(lock(&registry.slots).is_empty());
    }

    #[tokio::test]
    async fn uploads_do_not_wait_for_each_other() {
        let registry = Registry::default();
        let first = registry.enter(&id()).await.unwrap();
        let other = registry.enter(&UploadId::parse(&"1".repeat(26)).unwrap()).await.unwrap();
        drop((first, other));
    }
}
