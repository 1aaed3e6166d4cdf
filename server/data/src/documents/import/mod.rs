//! Whole collections in: NDJSON, a document a line, each decided for itself. What is held is one batch of lines.

mod lines;
mod outcome;

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::document::{CREATED_AT, ID, UPDATED_AT};
use basalt_core::{Caller, Code, CollectionName, DocumentId, Error, FieldError, Principal, Result, Timestamp, json};
use futures_util::future::join_all;
use serde_json::{Map, Value};

pub use outcome::{Failure, Summary};

use super::answer::WriteKind;
use super::input::{EntityTags, WriteOptions};
use super::service::Documents;
use super::transaction::created_id;
use super::write::{Act, Given};
use lines::{Line, Lines};

/// Lines of one batch: the committer takes as many as one group.
const BATCH: usize = 250;
/// Bytes of one batch.
const BATCH_BYTES: usize = 1 << 20;
/// How long a server that has too much to do is waited for, again and again.
const PAUSES: [u64; 6] = [50, 100, 200, 400, 800, 1_600];

/// What becomes of documents that are there already, and of those that aren't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// Only new ones: one that is there is a failure.
    Create,
    /// Only those that are there: a new one is a failure.
    Replace,
    /// Both.
    Upsert,
}

#[derive(Clone, Copy, Debug)]
pub struct ImportOptions {
    pub mode: ImportMode,
    /// Whether before-hooks see the documents.
    pub hooks: bool,
    /// Lines before this one are read over; counted from 1.
    pub from: u64,
}

/// An import under way: it is fed with bytes as they come.
pub struct Import {
    into: Arc<dyn Intake>,
    options: ImportOptions,
    lines: Lines,
    batch: Vec<Entry>,
    batch_bytes: usize,
    /// The ids of the batch: a second document of one goes into the next batch, so that their order counts.
    ids: HashSet<DocumentId>,
    summary: Summary,
}

/// What becomes of the lines of an import.
pub trait Intake: Send + Sync {
    /// Whether the caller may import at all; asked again for each piece.
    fn admit(&self, caller: &Caller) -> Result<()>;

    /// For lines that name none.
    fn new_id(&self) -> DocumentId;

    /// Decides one line for itself.
    fn take<'a>(&'a self, caller: &'a Caller, incoming: Incoming) -> IntakeFuture<'a>;
}

pub type IntakeFuture<'a> = Pin<Box<dyn Future<Output = Result<WriteKind>> + Send + 'a>>;

/// What a line holds.
pub struct Incoming {
    pub id: DocumentId,
    pub body: Map<String, Value>,
    pub given: Given,
}

/// A document of a line.
struct Entry {
    line: u64,
    id: DocumentId,
    body: Map<String, Value>,
    given: Given,
}

impl ImportMode {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "create" => Ok(Self::Create),
            "replace" => Ok(Self::Replace),
            "upsert" => Ok(Self::Upsert),
            _ => Err(Error::new(Code::BadParameter, "mode is create, replace or upsert.")),
        }
    }
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { mode: ImportMode::Create, hooks: true, from: 1 }
    }
}

impl Documents {
    /// Begins an import: for services whose scopes name the collection's documents.
    pub fn import(&self, caller: &Caller, collection: &CollectionName, options: ImportOptions) -> Result<Import> {
        let into =
            Arc::new(OfCollection { documents: self.clone(), collection: collection.clone(), mode: options.mode });
        let import = Import::begin(caller, into, options)?;
        self.0.collections.get(collection)?;
        Ok(import)
    }
}

/// Documents of one collection.
struct OfCollection {
    documents: Documents,
    collection: CollectionName,
    mode: ImportMode,
}

impl Intake for OfCollection {
    fn admit(&self, caller: &Caller) -> Result<()> {
        check_caller(caller, &self.collection)
    }

    fn new_id(&self) -> DocumentId {
        self.documents.draw().id()
    }

    fn take<'a>(&'a self, caller: &'a Caller, incoming: Incoming) -> IntakeFuture<'a> {
        Box::pin(self.write(caller, incoming))
    }
}

impl OfCollection {
    async fn write(&self, caller: &Caller, incoming: Incoming) -> Result<WriteKind> {
        let Incoming { id, body, given } = incoming;
        let (act, if_match) = match self.mode {
            ImportMode::Create => (Act::Create { is_drawn: !body.contains_key(ID), body }, None),
            ImportMode::Replace => (Act::Put { body }, Some(EntityTags::Any)),
            ImportMode::Upsert => (Act::Put { body }, None),
        };
        let options = WriteOptions { if_match, ..WriteOptions::default() };
        let written = self.documents.write_given(caller, &self.collection, &id, (act, given), options).await;
        written.map(|written| written.kind).map_err(|error| match error.code() {
            // The only precondition is that it is there.
            Code::PreconditionFailed => Error::document_not_found(),
            _ => error,
        })
    }
}

/// Rules are not asked, so only those may import whom they don't bind.
fn check_caller(caller: &Caller, collection: &CollectionName) -> Result<()> {
    if matches!(caller.principal, Principal::Visitor) {
        return Err(Error::unauthenticated());
    }
    if caller.bypasses_rules(collection, basalt_core::principal::Access::Write)? {
        return Ok(());
    }
    Err(Error::new(Code::Forbidden, "Importing is for service keys."))
}

impl Import {
    pub fn begin(caller: &Caller, into: Arc<dyn Intake>, options: ImportOptions) -> Result<Self> {
        into.admit(caller)?;
        let (lines, batch, ids, summary) = (Lines::default(), Vec::new(), HashSet::new(), Summary::default());
        Ok(Self { into, options, lines, batch, batch_bytes: 0, ids, summary })
    }

    /// What has been done so far: every line up to `last_line` is decided.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Takes in more of the body, and says which lines failed. The error ends the import: what came before is done.
    pub async fn feed(&mut self, caller: &Caller, bytes: &[u8], failures: &mut Vec<Failure>) -> Result<()> {
        self.into.admit(caller)?;
        let mut rest = bytes;
        while let Some(line) = self.lines.next(&mut rest) {
            self.take(caller, line, failures).await?;
        }
        Ok(())
    }

    /// The body is over: a last line may have no end.
    pub async fn finish(&mut self, caller: &Caller, failures: &mut Vec<Failure>) -> Result<()> {
        self.into.admit(caller)?;
        if let Some(line) = self.lines.last() {
            self.take(caller, line, failures).await?;
        }
        self.commit(caller, failures).await?;
        self.summary.last_line = self.lines.count();
        Ok(())
    }

    async fn take(&mut self, caller: &Caller, line: Line, failures: &mut Vec<Failure>) -> Result<()> {
        if line.number < self.options.from || line.is_blank() {
            return Ok(());
        }
        let (number, bytes) = (line.number, line.bytes.len());
        match self.entry(&line) {
            Ok(entry) => {
                if self.ids.contains(&entry.id) {
                    self.commit(caller, failures).await?;
                }
                self.ids.insert(entry.id.clone());
                self.batch.push(entry);
                self.batch_bytes += bytes;
            }
            Err((id, error)) => self.failed(Failure::new(number, id, &error), failures),
        }
        if self.batch.len() >= BATCH || self.batch_bytes >= BATCH_BYTES {
            self.commit(caller, failures).await?;
        }
        Ok(())
    }

    /// The line's document, or its fault with the id as far as it is known.
    fn entry(&self, line: &Line) -> Result<Entry, (Option<String>, Error)> {
        if line.is_cut {
            let detail = format!("A line has at most {} bytes.", lines::MOST_BYTES);
            return Err((None, Error::new(Code::TooLarge, detail)));
        }
        let body = json::parse_object(&line.bytes).map_err(|error| (None, error))?;
        let named = body.get(ID).and_then(Value::as_str).map(str::to_owned);
        let fault = |error| (named.clone(), error);
        if self.options.mode == ImportMode::Replace && !body.contains_key(ID) {
            let missing = FieldError::new("/id", "required", "Replacing takes an id.");
            return Err(fault(Error::new(Code::BadRequest, "The document has no id.").with_errors(vec![missing])));
        }
        let id = created_id(None, &body, || self.into.new_id()).map_err(fault)?;
        let given = Given {
            created_at: time(&body, CREATED_AT).map_err(fault)?,
            updated_at: time(&body, UPDATED_AT).map_err(fault)?,
            skips_hooks: !self.options.hooks,
        };
        Ok(Entry { line: line.number, id, body, given })
    }

    /// Decides the batch: each document for itself, all in one group of the committer.
    async fn commit(&mut self, caller: &Caller, failures: &mut Vec<Failure>) -> Result<()> {
        self.batch_bytes = 0;
        self.ids.clear();
        let batch = std::mem::take(&mut self.batch);
        let last = batch.last().map(|entry| entry.line);
        let writes = batch.into_iter().map(|entry| self.write(caller, entry));
        let done = join_all(writes).await;
        let mut stopped = None;
        for (line, id, result) in done {
            match result {
                // After the first that ended the import the rest is told by nothing but the last line.
                _ if stopped.is_some() => {}
                Ok(WriteKind::Created) => self.summary.created += 1,
                Ok(WriteKind::Updated | WriteKind::Deleted) => self.summary.replaced += 1,
                Err(error) if ends(&error) => {
                    self.summary.last_line = line.saturating_sub(1);
                    stopped = Some(error);
                }
                Err(error) => self.failed(Failure::new(line, Some(id.into()), &error), failures),
            }
        }
        match (stopped, last) {
            (Some(error), _) => Err(error),
            (None, Some(last)) => {
                self.summary.last_line = last;
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    async fn write(&self, caller: &Caller, entry: Entry) -> (u64, DocumentId, Result<WriteKind>) {
        let Entry { line, id, body, given } = entry;
        let mut pauses = PAUSES.into_iter();
        loop {
            let incoming = Incoming { id: id.clone(), body: body.clone(), given };
            let result = self.into.take(caller, incoming).await;
            let is_busy = matches!(&result, Err(error) if error.code() == Code::Overloaded);
            match pauses.next().filter(|_| is_busy) {
                Some(pause) => tokio::time::sleep(Duration::from_millis(pause)).await,
                None => return (line, id, result),
            }
        }
    }

    fn failed(&mut self, failure: Failure, failures: &mut Vec<Failure>) {
        self.summary.failed += 1;
        failures.push(failure);
    }
}

/// What is no fault of the document: the import stops, and can go on from there later.
fn ends(error: &Error) -> bool {
    // A hook that fails, or is over its time, fails for this document.
    let of_hook = [Code::FunctionFailed, Code::FunctionResultInvalid, Code::FunctionTimeout, Code::FunctionOutOfMemory];
    let status = error.code().status();
    (status >= 500 && !of_hook.contains(&error.code())) || error.code() == Code::CollectionNotFound
}

fn time(body: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>> {
    let Some(value) = body.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    value.as_str().and_then(Timestamp::parse).map(Some).ok_or_else(|| {
        let message = "A time is RFC 3339 with a zone, such as 2026-11-22T08:00:00Z.";
        let fault = FieldError::new(format!("/{name}"), "format", message);
        Error::new(Code::SchemaViolation, "A time of the document is none.").with_errors(vec![fault])
    })
}
