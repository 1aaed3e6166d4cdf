//! One decision under way: reads, remembers what is still to be read, and collects the writes.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_core::random::Random;
use basalt_core::{Code, CollectionName, Document, DocumentId, Error, Result, Rev, Timestamp};
use basalt_data::collections::Compiled;
use basalt_data::documents::built_in;
use basalt_data::rules::{Binding, CompiledRules, Facts, Operation, ReadVerdict, Verdict};
use basalt_store::{CellKey, CellWrite, DocumentWrite, NewJob, Origin, Read, View, Writes};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Why a decision stops before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something is still to be read.
    Need,
    Refuse(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refuse(error)
    }
}

pub(crate) type Flow<T> = Result<T, Stop>;

pub(crate) fn refuse<T>(code: Code, detail: &str) -> Flow<T> {
    Err(Stop::Refuse(Error::new(code, detail)))
}

/// What to ask for to see a cell.
pub(crate) fn cell(key: &CellKey) -> Read {
    Read::Cell(key.clone())
}

/// One decision under way: sees its own writes.
pub(crate) struct Tx<'v> {
    view: &'v View,
    missing: Vec<Read>,
    seed: [u8; 32],
    drawn: u32,
    now: Timestamp,
    times: (Option<Timestamp>, Option<Timestamp>),
    documents: HashMap<(CollectionName, DocumentId), Option<Arc<Document>>>,
    cells: HashMap<CellKey, Option<Value>>,
    document_writes: Vec<DocumentWrite>,
    cell_writes: Vec<CellWrite>,
    jobs: Vec<NewJob>,
}

impl<'v> Tx<'v> {
    pub(super) fn new(view: &'v View, seed: [u8; 32], now: Timestamp) -> Self {
        Self {
            view,
            missing: Vec::new(),
            seed,
            drawn: 0,
            now,
            times: (None, None),
            documents: HashMap::new(),
            cells: HashMap::new(),
            document_writes: Vec::new(),
            cell_writes: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// When the decision is made.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// What is created is as old as this, and was changed then.
    pub(crate) fn date(&mut self, times: (Option<Timestamp>, Option<Timestamp>)) {
        self.times = times;
    }

    /// Asks for all of these at once, so that they cost one round.
    pub(crate) fn need(&mut self, reads: impl IntoIterator<Item = Read>) -> Flow<()> {
        let known = self.missing.len();
        self.want(reads);
        if self.missing.len() == known { Ok(()) } else { Err(Stop::Need) }
    }

    /// Has these read with whatever is asked for next, so that they cost no round of their own.
    pub(crate) fn want(&mut self, reads: impl IntoIterator<Item = Read>) {
        let unread = reads.into_iter().filter(|read| !self.view.holds(read));
        self.missing.extend(unread);
    }

    pub(crate) fn document(&mut self, collection: &CollectionName, id: &DocumentId) -> Flow<Option<Arc<Document>>> {
        if let Some(written) = self.documents.get(&(collection.clone(), id.clone())) {
            return Ok(written.clone());
        }
        self.need([Read::Document { collection: collection.clone(), id: id.clone() }])?;
        Ok(self.view.document(collection, id).flatten().cloned())
    }

    /// A document as rules let the caller read it.
    pub(crate) fn readable(&mut self, rules: &CompiledRules, binding: &Binding, document: Document) -> Flow<Document> {
        match rules.read(binding, document, self) {
            ReadVerdict::Readable(document) => Ok(document.into_inner()),
            ReadVerdict::Hidden(denial) => Err(denial.into_error(binding.caller()).into()),
            ReadVerdict::Need(reads) => self.need_more(reads),
        }
    }

    /// Whether rules allow an operation; what `limit()` took is written with it.
    pub(crate) fn authorize(&mut self, rules: &CompiledRules, binding: &Binding, operation: Operation<'_>) -> Flow<()> {
        match rules.authorize(binding, operation, self) {
            Verdict::Allow(permit) => {
                self.cell_writes.extend(permit.cells());
                Ok(())
            }
            Verdict::Deny(denial) => Err(denial.into_error(binding.caller()).into()),
            Verdict::Need(reads) => self.need_more(reads),
        }
    }

    pub(crate) fn need_more<T>(&mut self, reads: Vec<Read>) -> Flow<T> {
        self.missing.extend(reads);
        Err(Stop::Need)
    }

    /// The document that holds `key` in a unique index, as it was before this decision.
    pub(crate) fn unique(&mut self, collection: &CollectionName, index: &str, key: &[u8]) -> Flow<Option<DocumentId>> {
        self.need([Read::Unique { collection: collection.clone(), index: index.to_owned(), key: key.to_owned() }])?;
        Ok(self.view.unique(collection, index, key).flatten().cloned())
    }

    pub(crate) fn cell(&mut self, key: &CellKey) -> Flow<Option<Value>> {
        if let Some(written) = self.cells.get(key) {
            return Ok(written.clone());
        }
        self.need([cell(key)])?;
        let live = |cell: &&basalt_store::Cell| cell.expires_at.is_none_or(|end| end > self.now);
        Ok(self.view.cell(key).flatten().filter(live).map(|cell| cell.value.clone()))
    }

    pub(crate) fn create(
        &mut self,
        collection: &CollectionName,
        id: &DocumentId,
        data: Map<String, Value>,
    ) -> Flow<Arc<Document>> {
        if self.document(collection, id)?.is_some() {
            return refuse(Code::DocumentExists, "There is a document with this id already.");
        }
        let (created, updated) = self.times;
        let (rev, created_at) = (self.draw_rev(), created.unwrap_or(self.now));
        let updated_at = updated.or(created).unwrap_or(self.now);
        let document = Arc::new(Document { id: id.clone(), rev, created_at, updated_at, data });
        self.write(collection, Arc::clone(&document), None);
        Ok(document)
    }

    pub(crate) fn update(
        &mut self,
        collection: &CollectionName,
        previous: &Arc<Document>,
        data: Map<String, Value>,
    ) -> Arc<Document> {
        let document = Arc::new(Document {
            id: previous.id.clone(),
            rev: self.draw_rev(),
            created_at: previous.created_at,
            updated_at: self.now.max(previous.updated_at),
            data,
        });
        self.write(collection, Arc::clone(&document), Some(Arc::clone(previous)));
        document
    }

    pub(crate) fn delete(&mut self, collection: &CollectionName, previous: &Arc<Document>) {
        self.documents.insert((collection.clone(), previous.id.clone()), None);
        let previous = Arc::clone(previous);
        self.document_writes.push(DocumentWrite::Delete { collection: collection.clone(), previous });
    }

    /// Deletes what nothing refers to that forbids it; what becomes of other references is a job of the same batch.
    pub(crate) fn delete_defined(&mut self, compiled: &Compiled, previous: &Arc<Document>) -> Flow<()> {
        self.need(built_in::deletion_reads(compiled, &previous.id))?;
        self.jobs.extend(built_in::check_deletion(compiled, &previous.id, self.view, self.now)?);
        self.delete(&compiled.name, previous);
        Ok(())
    }

    /// Work to do after the commit.
    pub(crate) fn enqueue(&mut self, job: NewJob) {
        self.jobs.push(job);
    }

    pub(crate) fn put_cell(&mut self, key: &CellKey, value: Value, expires_at: Option<Timestamp>) {
        self.cells.insert(key.clone(), Some(value.clone()));
        self.cell_writes.push(CellWrite::Put { key: key.clone(), value, expires_at });
    }

    pub(crate) fn delete_cell(&mut self, key: &CellKey) {
        self.cells.insert(key.clone(), None);
        self.cell_writes.push(CellWrite::Delete { key: key.clone() });
    }

    /// A cell's write that another room made.
    pub(crate) fn write_cell(&mut self, write: CellWrite) {
        self.cell_writes.push(write);
    }

    /// The documents that it wrote.
    pub(super) fn touched(&self) -> Vec<(CollectionName, DocumentId)> {
        self.documents.keys().cloned().collect()
    }

    pub(super) fn into_missing(self) -> Vec<Read> {
        self.missing
    }

    fn write(&mut self, collection: &CollectionName, document: Arc<Document>, previous: Option<Arc<Document>>) {
        self.documents.insert((collection.clone(), document.id.clone()), Some(Arc::clone(&document)));
        self.document_writes.push(DocumentWrite::Put { collection: collection.clone(), document, previous });
    }

    pub(crate) fn draw_rev(&mut self) -> Rev {
        self.drawn += 1;
        let digest = Sha256::new().chain_update(self.seed).chain_update(self.drawn.to_be_bytes()).finalize();
        Rev::generate(&Drawn(digest.into()))
    }

    pub(super) fn into_writes(self, origin: Origin) -> Writes {
        Writes { documents: self.document_writes, cells: self.cell_writes, jobs: self.jobs, origin }
    }
}

/// What rules look up while a decision is under way.
impl Facts for Tx<'_> {
    fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>> {
        let written = self.documents.get(&(collection.clone(), id.clone()));
        written.map_or_else(|| self.view.document(collection, id), |document| Some(document.as_ref()))
    }

    fn cell(&self, key: &CellKey) -> Option<Option<&basalt_store::Cell>> {
        self.view.cell(key)
    }
}

/// Random bytes that were drawn before.
struct Drawn([u8; 32]);

impl Random for Drawn {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, drawn) in bytes.iter_mut().zip(self.0) {
            *byte = drawn;
        }
    }
}
