//! Documents that rules look up while a list is answered.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_core::{Actor, CollectionName, Document, DocumentId, Error, Result, Timestamp};
use basalt_store::{Catalog, Cell, CellKey, Decide, Origin, Read, Step, Store, View, Writes};

use crate::rules::Facts;

/// Rounds of look-ups that lead to further ones.
const ROUNDS: usize = 12;

/// What was looked up so far.
#[derive(Clone, Default)]
pub(super) struct Gathered {
    documents: HashMap<(CollectionName, DocumentId), Option<Arc<Document>>>,
    rounds: usize,
}

impl Gathered {
    /// What was looked up, whether it is there or not.
    pub(super) fn names(&self) -> Vec<(CollectionName, DocumentId)> {
        self.documents.keys().cloned().collect()
    }

    /// Reads these too, in one read transaction.
    pub(super) async fn read(&mut self, store: &Store, catalog: &Arc<Catalog>, reads: Vec<Read>) -> Result<()> {
        self.rounds += 1;
        if self.rounds > ROUNDS {
            return Err(Error::internal("the rules of a list look up ever more documents"));
        }
        let (mut known, mut wanted) = (Vec::new(), Vec::new());
        for read in reads {
            // The rules of lists have no `limit()` and nothing that is unique: they look up documents alone.
            let Read::Document { collection, id } = read else { continue };
            if catalog.collection(&collection).is_some() { &mut wanted } else { &mut known }.push((collection, id));
        }
        self.documents.extend(known.into_iter().map(|place| (place, None)));
        if !wanted.is_empty() {
            self.documents.extend(store.inspect(LookUp { epoch: catalog.epoch, wanted }).await?);
        }
        Ok(())
    }
}

impl Facts for Gathered {
    fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>> {
        self.documents.get(&(collection.clone(), id.clone())).map(Option::as_ref)
    }

    fn cell(&self, _: &CellKey) -> Option<Option<&Cell>> {
        None
    }
}

struct LookUp {
    epoch: u64,
    wanted: Vec<(CollectionName, DocumentId)>,
}

impl Decide for LookUp {
    type Out = Vec<((CollectionName, DocumentId), Option<Arc<Document>>)>;

    fn epoch(&self) -> Option<u64> {
        Some(self.epoch)
    }

    fn step(&mut self, view: &View) -> Step<Self::Out> {
        let mut found = Vec::with_capacity(self.wanted.len());
        let mut unread = Vec::new();
        for (collection, id) in &self.wanted {
            match view.document(collection, id) {
                Some(document) => found.push(((collection.clone(), id.clone()), document.cloned())),
                None => unread.push(Read::Document { collection: collection.clone(), id: id.clone() }),
            }
        }
        if !unread.is_empty() {
            return Step::Need(unread);
        }
        let origin = Origin { actor: Actor::SYSTEM, request_id: String::new(), at: Timestamp::from_millis(0) };
        Step::Done(Writes { documents: Vec::new(), cells: Vec::new(), jobs: Vec::new(), origin }, found)
    }
}
