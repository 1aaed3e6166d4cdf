//! The state that operations are decided on: what the store read, overlaid by what earlier operations of the same
//! batch wrote.

use std::sync::Arc;

use basalt_core::{CollectionName, Document, DocumentId, Error, FastMap};
use basalt_store::catalog::unique_key;
use basalt_store::{Catalog, Cell, CellKey, CellWrite, DocumentWrite, Index, NewJob, Origin, Read, View, Writes};

use super::behaviour::Extra;
use super::references::{holders_of, holds};
use crate::collections::Compiled;
use crate::rules::Facts;

/// Why a decision doesn't go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// These have to be read first.
    Need(Vec<Read>),
    Refuse(Error),
    /// The document is no longer the one that a before-hook saw.
    Moved,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refuse(error)
    }
}

pub(crate) type Decided<T> = Result<T, Stop>;

type Place = (CollectionName, DocumentId);

pub(crate) struct State<'v> {
    facts: &'v dyn StoredFacts,
    catalog: &'v Catalog,
    documents: FastMap<Place, Option<Arc<Document>>>,
    /// Keys taken in this batch, by collection and index.
    taken: FastMap<(CollectionName, String, Vec<u8>), DocumentId>,
    cells: FastMap<CellKey, Option<Cell>>,
    document_writes: Vec<DocumentWrite>,
    cell_writes: Vec<CellWrite>,
    jobs: Vec<NewJob>,
}

/// What the store read. `None`: not read yet; `Some(None)`: not there.
#[expect(clippy::option_option, reason = "as the store's view answers")]
pub(crate) trait StoredFacts {
    fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>>;
    fn unique(&self, collection: &CollectionName, index: &str, key: &[u8]) -> Option<Option<&DocumentId>>;
    fn cell(&self, key: &CellKey) -> Option<Option<&Cell>>;
    fn holders(&self, read: &Read) -> Option<&[DocumentId]>;
}

impl StoredFacts for View {
    fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>> {
        Self::document(self, collection, id)
    }
    fn unique(&self, collection: &CollectionName, index: &str, key: &[u8]) -> Option<Option<&DocumentId>> {
        Self::unique(self, collection, index, key)
    }
    fn cell(&self, key: &CellKey) -> Option<Option<&Cell>> {
        Self::cell(self, key)
    }
    fn holders(&self, read: &Read) -> Option<&[DocumentId]> {
        Self::holders(self, read)
    }
}

impl<'v> State<'v> {
    pub(crate) fn new(facts: &'v dyn StoredFacts, catalog: &'v Catalog) -> Self {
        Self {
            facts,
            catalog,
            documents: FastMap::default(),
            taken: FastMap::default(),
            cells: FastMap::default(),
            document_writes: Vec::new(),
            cell_writes: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// The document as it is now, by this batch's own writes too.
    pub(crate) fn stored(&self, collection: &CollectionName, id: &DocumentId) -> Decided<Option<Arc<Document>>> {
        match Facts::document(self, collection, id) {
            Some(document) => Ok(document.cloned()),
            None => Err(Stop::Need(vec![Read::Document { collection: collection.clone(), id: id.clone() }])),
        }
    }

    /// Whether another document, of this batch or of the database, refers to one so that it can't be deleted.
    pub(crate) fn is_referred_to(&self, compiled: &Compiled, id: &DocumentId) -> Decided<bool> {
        let mut unread = Vec::new();
        for referrer in compiled.restricting() {
            let read = holders_of(referrer, id);
            let is_itself = |holder: &DocumentId| holder == id && referrer.collection == compiled.name;
            let of_batch = self.documents.iter().any(|((collection, holder), document)| {
                let held = |document: &Arc<Document>| holds(&document.data, &referrer.path, id);
                *collection == referrer.collection && !is_itself(holder) && document.as_ref().is_some_and(held)
            });
            let is_stored = |holder: &DocumentId| {
                let place = (referrer.collection.clone(), holder.clone());
                !is_itself(holder) && !self.documents.contains_key(&place)
            };
            match self.facts.holders(&read) {
                _ if of_batch => return Ok(true),
                Some(holders) if holders.iter().any(is_stored) => return Ok(true),
                Some(_) => {}
                None => unread.push(read),
            }
        }
        if unread.is_empty() { Ok(false) } else { Err(Stop::Need(unread)) }
    }

    pub(crate) fn add_jobs(&mut self, jobs: impl IntoIterator<Item = NewJob>) {
        self.jobs.extend(jobs);
    }

    /// Writes a document; `collection` gives the unique indexes that it now stands in.
    pub(crate) fn put(&mut self, collection: &Compiled, document: Arc<Document>, previous: Option<Arc<Document>>) {
        self.take_keys(collection, &document, previous.as_deref());
        self.documents.insert((collection.name.clone(), document.id.clone()), Some(Arc::clone(&document)));
        self.document_writes.push(DocumentWrite::Put { collection: collection.name.clone(), document, previous });
    }

    pub(crate) fn delete(&mut self, collection: &Compiled, previous: Arc<Document>) {
        self.release_keys(collection, &previous);
        self.documents.insert((collection.name.clone(), previous.id.clone()), None);
        self.document_writes.push(DocumentWrite::Delete { collection: collection.name.clone(), previous });
    }

    /// What the owner of a built-in collection adds; no unique index that generic writes know concerns it.
    pub(crate) fn add_extra(&mut self, extra: Extra) {
        for write in extra.documents {
            self.add_document_write(write);
        }
        self.add_cells(extra.cells);
        self.jobs.extend(extra.jobs);
    }

    fn add_document_write(&mut self, write: DocumentWrite) {
        let (collection, id, now) = match &write {
            DocumentWrite::Put { collection, document, .. } => (collection, &document.id, Some(Arc::clone(document))),
            DocumentWrite::Delete { collection, previous } => (collection, &previous.id, None),
        };
        self.documents.insert((collection.clone(), id.clone()), now);
        self.document_writes.push(write);
    }

    pub(crate) fn add_cells(&mut self, cells: Vec<CellWrite>) {
        for cell in &cells {
            match cell {
                CellWrite::Put { key, value, expires_at } => {
                    let cell = Cell { value: value.clone(), expires_at: *expires_at };
                    self.cells.insert(key.clone(), Some(cell));
                }
                CellWrite::Delete { key } => {
                    self.cells.insert(key.clone(), None);
                }
            }
        }
        self.cell_writes.extend(cells);
    }

    pub(crate) fn into_writes(self, origin: Origin) -> Writes {
        Writes { documents: self.document_writes, cells: last_of_each(self.cell_writes), jobs: self.jobs, origin }
    }

    /// The first unique index in which another document has the key of `document` already.
    pub(crate) fn unique_conflict<'c>(
        &self,
        collection: &'c Compiled,
        document: &Document,
        previous: Option<&Document>,
    ) -> Decided<Option<&'c Index>> {
        if collection.unique_indexes().next().is_none() {
            return Ok(None);
        }
        let flat = document.to_flat();
        let before = previous.map(Document::to_flat);
        let mut unread = Vec::new();
        for index in collection.unique_indexes() {
            let Some(key) = unique_key(&index.spec, &flat) else { continue };
            if before.as_ref().and_then(|before| unique_key(&index.spec, before)).as_ref() == Some(&key) {
                continue;
            }
            match self.holder(&collection.name, &index.name, &key, index) {
                None => {
                    let (collection, index) = (collection.name.clone(), index.name.clone());
                    unread.push(Read::Unique { collection, index, key });
                }
                Some(Some(holder)) if *holder != document.id => return Ok(Some(index)),
                Some(_) => {}
            }
        }
        if unread.is_empty() { Ok(None) } else { Err(Stop::Need(unread)) }
    }

    /// Who has the key now; `None`: not read yet.
    #[expect(clippy::option_option, reason = "as the store's view answers")]
    fn holder(
        &self,
        collection: &CollectionName,
        name: &str,
        key: &[u8],
        index: &Index,
    ) -> Option<Option<&DocumentId>> {
        if let Some(id) = self.taken.get(&(collection.clone(), name.to_owned(), key.to_owned())) {
            return Some(Some(id));
        }
        let stored = self.facts.unique(collection, name, key)?;
        let Some(id) = stored else { return Some(None) };
        match self.documents.get(&(collection.clone(), id.clone())) {
            None => Some(Some(id)),
            Some(None) => Some(None),
            Some(Some(document)) => {
                let still = unique_key(&index.spec, &document.to_flat()).as_deref() == Some(key);
                Some(still.then_some(id))
            }
        }
    }

    fn take_keys(&mut self, collection: &Compiled, document: &Document, previous: Option<&Document>) {
        if let Some(previous) = previous {
            self.release_keys(collection, previous);
        }
        if collection.unique_indexes().next().is_none() {
            return;
        }
        let flat = document.to_flat();
        for index in collection.unique_indexes() {
            if let Some(key) = unique_key(&index.spec, &flat) {
                self.taken.insert((collection.name.clone(), index.name.clone(), key), document.id.clone());
            }
        }
    }

    fn release_keys(&mut self, collection: &Compiled, document: &Document) {
        if self.taken.is_empty() {
            return;
        }
        let flat = document.to_flat();
        for index in collection.unique_indexes() {
            if let Some(key) = unique_key(&index.spec, &flat) {
                self.taken.remove(&(collection.name.clone(), index.name.clone(), key));
            }
        }
    }
}

/// Several operations may take tokens of one bucket: the last state of each cell counts.
fn last_of_each(writes: Vec<CellWrite>) -> Vec<CellWrite> {
    let key = |write: &CellWrite| match write {
        CellWrite::Put { key, .. } | CellWrite::Delete { key } => key.clone(),
    };
    let last: FastMap<CellKey, usize> = writes.iter().enumerate().map(|(index, write)| (key(write), index)).collect();
    let kept = |(index, write): (usize, CellWrite)| (last.get(&key(&write)) == Some(&index)).then_some(write);
    writes.into_iter().enumerate().filter_map(kept).collect()
}

impl Facts for State<'_> {
    fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>> {
        if let Some(own) = self.documents.get(&(collection.clone(), id.clone())) {
            return Some(own.as_ref());
        }
        if self.catalog.collection(collection).is_none() {
            return Some(None);
        }
        self.facts.document(collection, id)
    }

    fn cell(&self, key: &CellKey) -> Option<Option<&Cell>> {
        match self.cells.get(key) {
            Some(own) => Some(own.as_ref()),
            None => self.facts.cell(key),
        }
    }
}
