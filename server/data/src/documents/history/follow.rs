//! The reader of the log that writes versions down.

use std::sync::Arc;

use super::{HISTORY, version};
use crate::changes::Changes;
use crate::documents::service::Documents;
use basalt_core::{Actor, Change, Code, CollectionName, Document, Result, Seq, Timestamp};
use basalt_store::{Decide, DocumentWrite, DurableReader, LogOf, LogRead, Origin, Read, Step, View, Writes};

/// The reader's name among those of the log.
const CONSUMER: &str = "history";
/// Changes that are read at once, and bytes of versions that are written at once.
const BATCH: u32 = 100;
const BYTES: usize = 2 << 20;

impl Documents {
    /// Writes down the versions that the log has and the history hasn't, and says how many; to be called now and then,
    /// also by several nodes at once, and first before anything is written: there it begins.
    pub async fn follow_history(&self) -> Result<usize> {
        let changes = Changes::new(self.0.store.clone());
        let mut noted = self.place(&changes).await?;
        let (mut place, mut written) = (noted, 0);
        loop {
            let keeping = self.keeping_history();
            if keeping.is_empty() {
                place = changes.end();
                break;
            }
            let read = LogRead { of: LogOf::Collections(keeping), ..LogRead::new(place, BATCH) };
            let page = match self.0.store.read_log(&read).await {
                Ok(page) => page,
                Err(error) if error.code() == Code::CursorExpired => {
                    tracing::error!("the history fell out of the change log: versions before now are missing");
                    place = changes.end();
                    self.note(&changes, Vec::new(), place).await?;
                    return Ok(written);
                }
                Err(error) => return Err(error),
            };
            let stands = page.through == place || page.changes.is_empty();
            place = page.through;
            for part in parts(self.versions(page.changes)?) {
                written += part.len();
                let reached = part.last().map_or(place, |(seq, _)| *seq);
                self.note(&changes, part.into_iter().map(|(_, it)| it).collect(), reached).await?;
                noted = reached;
            }
            if stands {
                break;
            }
        }
        // What came before a collection opted in stays behind.
        if place > noted {
            self.note(&changes, Vec::new(), place).await?;
        }
        Ok(written)
    }

    /// Where the reader stands: at its first start at the log's end.
    async fn place(&self, changes: &Changes) -> Result<Seq> {
        match changes.cursor(CONSUMER).await {
            Ok(Some(seq)) => Ok(seq),
            Ok(None) => {
                let end = changes.end();
                self.note(changes, Vec::new(), end).await?;
                Ok(end)
            }
            Err(error) if error.code() == Code::CursorExpired => Ok(changes.end()),
            Err(error) => Err(error),
        }
    }

    fn keeping_history(&self) -> Vec<CollectionName> {
        let catalog = self.0.store.catalog();
        let keeps = |name: &&CollectionName| {
            !name.is_system() && self.0.collections.get(name).is_ok_and(|it| it.definition.history.is_some())
        };
        catalog.collections.keys().filter(keeps).cloned().collect()
    }

    fn versions(&self, changes: Vec<Change>) -> Result<Vec<(Seq, Document)>> {
        let catalog = self.0.store.catalog();
        let mut versions = Vec::with_capacity(changes.len());
        for change in changes {
            let Some(stored) = catalog.collection(&change.collection) else { continue };
            versions.push((change.seq, version::store(&change, &stored.short_id, self.draw().rev())?));
        }
        Ok(versions)
    }

    async fn note(&self, changes: &Changes, versions: Vec<Document>, place: Seq) -> Result<()> {
        let at = self.0.clock.now();
        let log = self.0.store.log_id().to_owned();
        let note =
            Note { log, versions: versions.into_iter().map(Arc::new).collect(), changes: changes.clone(), place, at };
        self.0.store.commit(note).await.map(drop)
    }
}

/// In parts that one commit takes.
fn parts(versions: Vec<(Seq, Document)>) -> Vec<Vec<(Seq, Document)>> {
    let mut parts: Vec<Vec<(Seq, Document)>> = Vec::new();
    let mut bytes = 0;
    for version in versions {
        let size = serde_json::to_vec(&version.1.data).map_or(BYTES, |text| text.len());
        bytes += size;
        match parts.last_mut() {
            Some(part) if bytes <= BYTES => part.push(version),
            _ => {
                parts.push(vec![version]);
                bytes = size;
            }
        }
    }
    parts
}

/// Writes versions that aren't there yet, and moves the reader on, never back.
struct Note {
    versions: Vec<Arc<Document>>,
    changes: Changes,
    /// The log that the place is in: a place in another one is none.
    log: String,
    place: Seq,
    at: Timestamp,
}

impl Decide for Note {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let read = |document: &Arc<Document>| Read::Document { collection: HISTORY.clone(), id: document.id.clone() };
        let cursor = DurableReader::key(CONSUMER);
        let mut unread: Vec<Read> = self.versions.iter().map(read).chain([Read::Cell(cursor.clone())]).collect();
        unread.retain(|read| !view.holds(read));
        if !unread.is_empty() {
            return Step::Need(unread);
        }
        let is_new = |it: &&Arc<Document>| view.document(&HISTORY, &it.id).flatten().is_none();
        let put = |document: &Arc<Document>| {
            let (collection, document) = (HISTORY.clone(), Arc::clone(document));
            DocumentWrite::Put { collection, document, previous: None }
        };
        let documents = self.versions.iter().filter(is_new).map(put).collect();
        let reader = view.cell(&cursor).flatten().and_then(|cell| DurableReader::parse(CONSUMER, &cell.value).ok());
        let stands = reader.filter(|reader| reader.log == self.log).map(|reader| reader.seq);
        let moves = stands.is_none_or(|stands| stands < self.place);
        let cells = moves.then(|| self.changes.cursor_write(CONSUMER, self.place)).into_iter().collect();
        let origin = Origin { actor: Actor::SYSTEM, request_id: CONSUMER.to_owned(), at: self.at };
        Step::Done(Writes { documents, cells, jobs: Vec::new(), origin }, ())
    }
}
