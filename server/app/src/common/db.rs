//! Decisions written as plain functions on a [`Tx`], committed or made on a snapshot.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::random::{self, Random};
use basalt_core::{Caller, Clock, Code, CollectionName, DocumentId, Error, Result, Seq, Timestamp};
use basalt_data::collections::{Collections, Compiled};
use basalt_store::decide::is_stale_epoch;
use basalt_store::{Committed, Decide, Origin, Step, Store, View, Writes};

use super::tx::{Flow, Stop, Tx};

/// How often a decision is made anew because definitions changed under it.
const EPOCH_TRIES: u32 = 5;
/// How long to wait for this node to learn of newer definitions.
const EPOCH_WAIT: Duration = Duration::from_millis(500);

/// The store with the clock and the randomness that decisions on it draw from; cheap to clone.
#[derive(Clone)]
pub struct Db {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Db {
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { store, clock, random }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.random
    }

    pub(crate) fn new_id(&self) -> DocumentId {
        DocumentId::generate(self.now(), &*self.random)
    }

    /// Decides and commits where no definition matters (system collections and cells).
    pub(crate) async fn commit<T, F>(&self, caller: &Caller, decide: F) -> Result<Outcome<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Flow<T> + Send + Sync + 'static,
    {
        self.store.commit(self.decision(caller, None, Arc::new(decide))).await.map(Outcome::new)
    }

    /// Decides under a collection's definition as it is at the commit.
    pub(crate) async fn commit_defined<T, F>(
        &self,
        caller: &Caller,
        (collections, name): (&Collections, &CollectionName),
        decide: F,
    ) -> Result<Outcome<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, &Compiled) -> Flow<T> + Send + Sync + 'static,
    {
        let decide = Arc::new(decide);
        let mut newer = self.store.catalog_changes();
        for _ in 0..EPOCH_TRIES {
            let compiled = collections.any(name)?;
            let (seen, shared) = (compiled.epoch, Arc::clone(&decide));
            let under = Arc::new(move |tx: &mut Tx<'_>| shared(tx, &compiled));
            match self.store.commit(self.decision(caller, Some(seen), under)).await {
                Err(error) if is_stale_epoch(&error) => {
                    let moved = newer.wait_for(|catalog| catalog.epoch != seen);
                    // Where nothing is heard in time the next try says so.
                    let _ = tokio::time::timeout(EPOCH_WAIT, moved).await;
                }
                outcome => return outcome.map(Outcome::new),
            }
        }
        Err(Error::new(Code::Unavailable, "The definitions are changing; try again."))
    }

    /// Decides on a snapshot without writing: what it would write is dropped.
    pub(crate) async fn inspect<T, F>(&self, decide: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Flow<T> + Send + Sync + 'static,
    {
        let caller = Caller::system(self.now());
        let decision = Decision { looks: true, ..self.decision(&caller, None, Arc::new(decide)) };
        self.store.inspect(decision).await.map(|(value, _)| value)
    }

    fn decision<T, F>(&self, caller: &Caller, epoch: Option<u64>, decide: Arc<F>) -> Decision<F>
    where
        F: Fn(&mut Tx<'_>) -> Flow<T>,
    {
        let at = self.now();
        let origin = Origin { actor: caller.actor(), request_id: caller.request.logged(), at };
        Decision { decide, epoch, origin, seed: random::bytes(&*self.random), looks: false }
    }
}

/// What a commit did.
pub(crate) struct Outcome<T> {
    pub value: T,
    /// The last place in the log, if something was logged.
    pub seq: Option<Seq>,
    /// The documents that it wrote.
    pub touched: Vec<(CollectionName, DocumentId)>,
}

impl<T> Outcome<T> {
    fn new(((value, touched), committed): ((T, Vec<(CollectionName, DocumentId)>), Committed)) -> Self {
        Self { value, seq: committed.seq(), touched }
    }
}

struct Decision<F> {
    decide: Arc<F>,
    epoch: Option<u64>,
    origin: Origin,
    /// Revisions come from here, so that the same view gives the same decision.
    seed: [u8; 32],
    /// It is decided for its answer alone.
    looks: bool,
}

impl<T, F> Decide for Decision<F>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Flow<T> + Send + Sync + 'static,
{
    type Out = (T, Vec<(CollectionName, DocumentId)>);

    fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    fn step(&mut self, view: &View) -> Step<Self::Out> {
        let mut tx = Tx::new(view, self.seed, self.origin.at);
        match (self.decide)(&mut tx) {
            Ok(out) => {
                let touched = tx.touched();
                let origin = self.origin.clone();
                let nothing = |origin| Writes { documents: Vec::new(), cells: Vec::new(), jobs: Vec::new(), origin };
                let writes = if self.looks { nothing(origin) } else { tx.into_writes(origin) };
                Step::Done(writes, (out, touched))
            }
            Err(Stop::Need) => Step::Need(tx.into_missing()),
            Err(Stop::Refuse(error)) => Step::Refuse(error),
        }
    }
}
