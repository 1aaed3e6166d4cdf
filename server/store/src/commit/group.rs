//! A group of batches that commit together: what was read, under it what earlier batches of the group write, and what
//! all of them leave to be written.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use basalt_core::change::Body;
use basalt_core::{ChangeOp, Code, CollectionName, Document, DocumentId, Error, FastMap, FieldError, Result};

use super::BATCH_BYTES;
use super::encode::{self, ChangeRow};
use crate::decide::{Cell, CellKey, CellWrite, DocumentWrite, NewJob, Origin, Read, View, Writes};
use crate::keys;
use crate::known::{Known, Tables};

/// (collection, id)
type Place = (CollectionName, DocumentId);
/// (collection, index, key)
type UniquePlace = (CollectionName, String, Vec<u8>);

pub(crate) struct Group {
    pub(crate) known: Arc<Known>,
    /// What was read, as the group's batches so far leave it.
    pub(crate) view: View,
    documents: Vec<DocumentState>,
    positions: FastMap<Place, usize>,
    pub(crate) changes: Vec<ChangeRow>,
    pub(crate) cells: FastMap<CellKey, CellState>,
    pub(crate) jobs: Vec<(NewJob, Arc<Origin>)>,
    bytes: usize,
    batches: usize,
}

/// A document before and after the group.
pub(crate) struct DocumentState {
    pub(crate) tables: Arc<Tables>,
    pub(crate) id: DocumentId,
    pub(crate) initial: Option<Arc<Document>>,
    /// Where `initial` is, as the engine has it.
    pub(crate) row: Option<i64>,
    pub(crate) last: Option<Stored>,
}

/// A document with its user's fields as JSON text.
pub(crate) struct Stored {
    pub(crate) document: Arc<Document>,
    pub(crate) data: String,
}

/// What a cell becomes; `None`: gone.
pub(crate) type CellState = Option<Cell>;

/// A batch that may be absorbed: it is in order, sized and encoded.
pub(crate) struct Staged {
    documents: Vec<DocumentState>,
    unique: FastMap<UniquePlace, Option<DocumentId>>,
    changes: Vec<ChangeRow>,
    cells: Vec<CellWrite>,
    jobs: Vec<NewJob>,
    origin: Arc<Origin>,
    pub(crate) bytes: usize,
}

impl Group {
    pub(crate) fn new(known: Arc<Known>) -> Self {
        Self {
            known,
            view: View::default(),
            documents: Vec::new(),
            positions: FastMap::default(),
            changes: Vec::new(),
            cells: FastMap::default(),
            jobs: Vec::new(),
            bytes: 0,
            batches: 0,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a batch was absorbed.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches == 0
    }

    pub(crate) fn writes_nothing(&self) -> bool {
        self.changes.is_empty() && self.cells.is_empty() && self.jobs.is_empty()
    }

    /// The unique keys that the writes take and of which the view doesn't know the holder.
    pub(crate) fn unknown_holders(&self, writes: &Writes) -> Result<Vec<Read>> {
        let mut reads = Vec::new();
        for write in &writes.documents {
            let DocumentWrite::Put { collection, document, previous } = write else { continue };
            for index in &self.known.tables(collection)?.unique {
                let Some(key) = keys::unique(document, index) else { continue };
                if previous.as_ref().and_then(|previous| keys::unique(previous, index)).as_ref() == Some(&key) {
                    continue;
                }
                let read = Read::Unique { collection: collection.clone(), index: index.name.clone(), key };
                if !self.view.holds(&read) {
                    reads.push(read);
                }
            }
        }
        Ok(reads)
    }

    /// Checks and encodes a batch, leaving the group as it is.
    pub(crate) fn stage(&self, writes: Writes) -> Result<Staged> {
        let Writes { documents, cells, jobs, origin } = writes;
        let origin = Arc::new(origin);
        let mut staged = Staged {
            documents: Vec::with_capacity(documents.len()),
            unique: FastMap::default(),
            changes: Vec::with_capacity(documents.len()),
            cells,
            jobs,
            origin,
            bytes: 0,
        };
        let mut positions: FastMap<Place, usize> = FastMap::default();
        let many = documents.len() > 1;
        for write in documents {
            let at = if many { positions.get(&place_of(&write)).copied() } else { None };
            let position = self.stage_document(&mut staged, write, at)?;
            if many && at.is_none() {
                let state = &staged.documents[position];
                positions.insert((state.tables.name.clone(), state.id.clone()), position);
            }
        }
        staged.unique = self.check_unique(&staged.documents)?;
        staged.bytes = staged.measure()?;
        if staged.bytes > BATCH_BYTES {
            let detail = format!("One commit may write {BATCH_BYTES} bytes; this one has {}.", staged.bytes);
            return Err(Error::new(Code::TooLarge, detail));
        }
        Ok(staged)
    }

    /// Stages one write; `at` is where the batch wrote the same document before. Answers where it now is.
    fn stage_document(&self, staged: &mut Staged, write: DocumentWrite, at: Option<usize>) -> Result<usize> {
        let (collection, id, previous, next) = match write {
            DocumentWrite::Put { collection, document, previous } => {
                (collection, document.id.clone(), previous, Some(document))
            }
            DocumentWrite::Delete { collection, previous } => (collection, previous.id.clone(), Some(previous), None),
        };
        let tables = self.known.tables(&collection)?;
        let place = (collection, id);
        let held = match at {
            Some(at) => staged.documents[at].last.as_ref().map(|last| &last.document),
            None => match self.view.documents.get(&place) {
                Some(read) => read.as_ref(),
                None => return Err(Error::internal(format!("{}/{} is written but wasn't read", place.0, place.1))),
            },
        };
        if held.map(|document| &document.rev) != previous.as_ref().map(|document| &document.rev) {
            return Err(Error::internal(format!("{}/{} is written over another state than read", place.0, place.1)));
        }
        let data = next.as_ref().map(|document| encode::data(document)).transpose()?;
        let row = self.view.rows.get(&place).copied();
        let (collection, id) = place;
        staged.changes.push(change_row(
            &collection,
            &id,
            previous.as_deref(),
            next.as_deref(),
            data.as_deref(),
            &staged.origin,
        )?);
        let last = next.zip(data).map(|(document, data)| Stored { document, data });
        if let Some(at) = at {
            staged.documents[at].last = last;
            return Ok(at);
        }
        staged.documents.push(DocumentState { tables: Arc::clone(tables), id, initial: previous, row, last });
        Ok(staged.documents.len() - 1)
    }

    /// Who holds which unique key after the batch. The whole batch counts, so that two documents may swap their keys.
    fn check_unique(&self, documents: &[DocumentState]) -> Result<FastMap<UniquePlace, Option<DocumentId>>> {
        let mut holders: FastMap<UniquePlace, Option<DocumentId>> = FastMap::default();
        let mut claims = Vec::new();
        for state in documents {
            for index in &state.tables.unique {
                let initial = state.initial.as_ref().and_then(|document| keys::unique(document, index));
                let last = state.last.as_ref().and_then(|last| keys::unique(&last.document, index));
                if initial == last {
                    continue;
                }
                let place = |key| (state.tables.name.clone(), index.name.clone(), key);
                if let Some(key) = initial {
                    holders.insert(place(key), None);
                }
                if let Some(key) = last {
                    claims.push((place(key), &state.id, index));
                }
            }
        }
        for (place, id, index) in claims {
            let holder = holders.get(&place).or_else(|| self.view.unique.get(&place));
            match holder {
                Some(Some(holder)) if holder != id => return Err(unique_conflict(index)),
                Some(_) => {}
                None => return Err(Error::internal(format!("the holder in {} wasn't read", index.name))),
            }
            holders.insert(place, Some(id.clone()));
        }
        Ok(holders)
    }

    /// Takes a batch in: later ones see what it writes. Answers where its changes are among the group's.
    pub(crate) fn absorb(&mut self, staged: Staged) -> Range<usize> {
        self.bytes += staged.bytes;
        self.batches += 1;
        // They were of the database alone.
        self.view.holders.clear();
        for state in staged.documents {
            let place = (state.tables.name.clone(), state.id.clone());
            let document = state.last.as_ref().map(|last| Arc::clone(&last.document));
            self.view.documents.insert(place.clone(), document);
            if let Some(position) = self.positions.get(&place) {
                self.documents[*position].last = state.last;
            } else {
                self.positions.insert(place, self.documents.len());
                self.documents.push(state);
            }
        }
        self.view.unique.extend(staged.unique);
        for write in staged.cells {
            let (key, cell) = match write {
                CellWrite::Put { key, value, expires_at } => (key, Some(Cell { value, expires_at })),
                CellWrite::Delete { key } => (key, None),
            };
            self.view.cells.insert(key.clone(), cell.clone());
            self.cells.insert(key, cell);
        }
        let origin = staged.origin;
        self.jobs.extend(staged.jobs.into_iter().map(|job| (job, Arc::clone(&origin))));
        let first = self.changes.len();
        self.changes.extend(staged.changes);
        first..self.changes.len()
    }

    /// Documents whose state is another than before the group.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &DocumentState> {
        self.documents.iter().filter(|state| state.initial.is_some() || state.last.is_some())
    }

    /// Documents whose unique key passes to another within the group: their rows have to let go of it before any row
    /// takes it.
    pub(crate) fn releases(&self) -> Vec<&DocumentState> {
        let mut taken: HashSet<(&str, Vec<u8>)> = HashSet::new();
        let mut released: Vec<(&DocumentState, &str, Vec<u8>)> = Vec::new();
        for state in self.documents() {
            for index in &state.tables.unique {
                let initial = state.initial.as_ref().and_then(|document| keys::unique(document, index));
                let last = state.last.as_ref().and_then(|last| keys::unique(&last.document, index));
                if initial == last {
                    continue;
                }
                // A deleted row's keys go with it, and rows are deleted first.
                if let (Some(key), Some(_)) = (initial, &state.last) {
                    released.push((state, &index.name, key));
                }
                if let Some(key) = last {
                    taken.insert((&index.name, key));
                }
            }
        }
        released.retain(|(_, index, key)| taken.contains(&(*index, key.clone())));
        released.into_iter().map(|(state, _, _)| state).collect()
    }
}

impl Staged {
    fn measure(&self) -> Result<usize> {
        let mut bytes: usize = self.changes.iter().map(ChangeRow::bytes).sum();
        bytes +=
            self.documents.iter().filter_map(|state| state.last.as_ref()).map(|last| last.data.len()).sum::<usize>();
        for write in &self.cells {
            if let CellWrite::Put { value, .. } = write {
                bytes += 64 + length(value)?;
            }
        }
        for job in &self.jobs {
            bytes += 64 + length(&job.payload)?;
        }
        Ok(bytes)
    }
}

fn length(value: &serde_json::Value) -> Result<usize> {
    serde_json::to_vec(value).map(|text| text.len()).map_err(Error::internal)
}

fn place_of(write: &DocumentWrite) -> Place {
    match write {
        DocumentWrite::Put { collection, document, .. } => (collection.clone(), document.id.clone()),
        DocumentWrite::Delete { collection, previous } => (collection.clone(), previous.id.clone()),
    }
}

fn change_row(
    collection: &CollectionName,
    id: &DocumentId,
    previous: Option<&Document>,
    next: Option<&Document>,
    data: Option<&str>,
    origin: &Arc<Origin>,
) -> Result<ChangeRow> {
    let op = match (previous, next) {
        (None, _) => ChangeOp::Create,
        (Some(_), Some(_)) => ChangeOp::Update,
        (Some(_), None) => ChangeOp::Delete,
    };
    let (mut after, mut before) = (None, None);
    if !collection.is_system() {
        after = next.zip(data).map(|(next, data)| encode::flat(next, data));
        before = match (previous, next) {
            (None, _) => None,
            (Some(previous), Some(next)) => Some(encode::changed(previous, next)?),
            (Some(previous), None) => Some(encode::flat(previous, &encode::data(previous)?)),
        };
    }
    let (after, before) = (after.map(Body::written), before.map(Body::written));
    Ok(ChangeRow { collection: collection.clone(), id: id.clone(), op, after, before, origin: Arc::clone(origin) })
}

fn unique_conflict(index: &crate::known::UniqueIndex) -> Error {
    let fault = |path: &basalt_core::FieldPath| {
        let tokens: Vec<String> = path.names().iter().map(|name| basalt_core::document::pointer_token(name)).collect();
        FieldError::new(format!("/{}", tokens.join("/")), "unique_conflict", "Another document has this value.")
    };
    Error::new(Code::UniqueConflict, "Another document already has this value.")
        .with_errors(index.paths.iter().map(fault).collect())
}
