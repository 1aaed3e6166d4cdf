//! Readers outside that keep their places here: the log waits for them.

use std::time::Duration;

use basalt_core::principal::Access;
use basalt_core::{Caller, Code, CollectionName, DocumentId, Error, Result, Seq, Timestamp};
use basalt_store::{CellKey, CellWrite, Decide, DurableReader, Origin, Read, Step, View, Writes};

use super::feed::authorize;
use super::{Changes, Since};

/// Before the names of those from outside; the server's own readers have none.
const OUTSIDE: &str = "feed/";
/// Consumers of one server.
const MOST: usize = 200;

/// A named reader and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub name: String,
    pub since: Seq,
    pub state: ConsumerState,
    pub moved_at: Option<Timestamp>,
    /// Places of the log that it has not read, at most so many changes.
    pub behind: u64,
    /// The age of the oldest change that it has not read.
    pub lag: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerState {
    /// The log waits for it.
    Active,
    /// Was not moved for so long that the log no longer waits for it.
    Idle,
    /// Misses changes: begin anew.
    Broken,
}

/// Whether a place may also go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moving {
    Forward,
    Anywhere,
}

impl ConsumerState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Broken => "broken",
        }
    }
}

impl Changes {
    /// Where a consumer stands, for a feed of these collections. A broken one is `cursor_expired`.
    pub async fn consumer_since(
        &self,
        caller: &Caller,
        name: &DocumentId,
        collections: &[CollectionName],
    ) -> Result<Since> {
        authorize(caller, Access::Read, collections)?;
        let reader = self.reader(name).await?;
        self.own(&reader)?;
        if reader.broken_at.is_some() {
            return Err(broken());
        }
        Ok(Since::Cursor(self.cursor_text(reader.seq)))
    }

    pub async fn consumer(&self, caller: &Caller, name: &DocumentId) -> Result<Consumer> {
        authorize(caller, Access::Read, &[])?;
        let reader = self.reader(name).await?;
        self.describe(reader, name.to_string(), caller.request.time).await
    }

    /// All of them, by name.
    pub async fn consumers(&self, caller: &Caller) -> Result<Vec<Consumer>> {
        authorize(caller, Access::Read, &[])?;
        let mut consumers = Vec::new();
        for reader in self.store.readers().await? {
            if let Some(name) = reader.name.strip_prefix(OUTSIDE) {
                let name = name.to_owned();
                consumers.push(self.describe(reader, name, caller.request.time).await?);
            }
        }
        Ok(consumers)
    }

    /// Every reader that keeps a place, the server's own among them, for the metrics.
    pub async fn all_readers(&self, now: Timestamp) -> Result<Vec<Consumer>> {
        let mut readers = Vec::new();
        for reader in self.store.readers().await? {
            let name = reader.name.clone();
            readers.push(self.describe(reader, name, now).await?);
        }
        Ok(readers)
    }

    /// Moves a consumer, and makes it where there is none. Back only where that is asked for.
    pub async fn move_consumer(
        &self,
        caller: &Caller,
        name: &DocumentId,
        since: &Since,
        moving: Moving,
    ) -> Result<Consumer> {
        authorize(caller, Access::Write, &[])?;
        let seq = self.seq_of(since)?;
        let stats = self.store.log_stats().await?;
        if seq > stats.end {
            return Err(Error::new(Code::BadCursor, "The log has not come to this place yet."));
        }
        if seq < stats.trimmed {
            return Err(Error::new(Code::CursorExpired, "The log no longer reaches back to this cursor."));
        }
        let key = Self::key(name);
        if self.store.cell(&key).await?.is_none() {
            let outside = self.store.readers().await?.into_iter().filter(|r| r.name.starts_with(OUTSIDE)).count();
            if outside >= MOST {
                let detail = format!("There are {MOST} consumers already: remove those that are not used.");
                return Err(Error::new(Code::QuotaExceeded, detail));
            }
        }
        let (log, now) = (self.store.log_id().to_owned(), caller.request.time);
        let reader = DurableReader { name: key.key.clone(), log, seq, moved_at: Some(now), broken_at: None };
        let (reader, _) = self.store.commit(Put { reader, moving, origin: origin(caller) }).await?;
        self.describe(reader, name.to_string(), now).await
    }

    pub async fn remove_consumer(&self, caller: &Caller, name: &DocumentId) -> Result<()> {
        authorize(caller, Access::Write, &[])?;
        self.store.commit(Remove { key: Self::key(name), origin: origin(caller) }).await?;
        Ok(())
    }

    async fn reader(&self, name: &DocumentId) -> Result<DurableReader> {
        let key = Self::key(name);
        let cell = self.store.cell(&key).await?.ok_or_else(not_found)?;
        DurableReader::parse(&key.key, &cell.value)
    }

    async fn describe(&self, reader: DurableReader, name: String, now: Timestamp) -> Result<Consumer> {
        let unread = match self.own(&reader) {
            Ok(()) => self.store.changes(reader.seq, 1).await,
            Err(error) => Err(error),
        };
        let (oldest, lost) = match unread {
            Ok(unread) => (unread.first().map(|change| change.at), false),
            Err(error) if error.code() == Code::CursorExpired => (self.store.log_stats().await?.oldest, true),
            Err(error) => return Err(error),
        };
        let state = match lost || reader.broken_at.is_some() {
            true => ConsumerState::Broken,
            false if self.store.waits_for(&reader) => ConsumerState::Active,
            false => ConsumerState::Idle,
        };
        Ok(Consumer {
            name,
            since: reader.seq,
            state,
            moved_at: reader.moved_at,
            behind: self.end().saturating_sub(reader.seq),
            lag: oldest.map_or(Duration::ZERO, |oldest| now.since(oldest)),
        })
    }

    fn key(name: &DocumentId) -> CellKey {
        DurableReader::key(&format!("{OUTSIDE}{name}"))
    }
}

fn not_found() -> Error {
    Error::new(Code::ConsumerNotFound, "There is no such consumer: PUT it at a place first.")
}

fn broken() -> Error {
    let detail = "The log was trimmed beyond this consumer, which misses changes: begin anew, and move it there.";
    Error::new(Code::CursorExpired, detail)
}

fn origin(caller: &Caller) -> Origin {
    Origin { actor: caller.actor(), request_id: caller.request.logged(), at: caller.request.time }
}

struct Put {
    reader: DurableReader,
    moving: Moving,
    origin: Origin,
}

impl Decide for Put {
    type Out = DurableReader;

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<DurableReader> {
        let key = DurableReader::key(&self.reader.name);
        let Some(cell) = view.cell(&key) else { return Step::Need(vec![Read::Cell(key)]) };
        let stored = cell.and_then(|cell| DurableReader::parse(&self.reader.name, &cell.value).ok());
        let ahead = |stored: &DurableReader| stored.log == self.reader.log && stored.seq > self.reader.seq;
        if self.moving == Moving::Forward && stored.as_ref().is_some_and(ahead) {
            let detail = "The consumer is further already; \"force\": true moves it back.";
            return Step::Refuse(Error::new(Code::ConditionFailed, detail));
        }
        let writes = Writes { cells: vec![self.reader.write()], ..Writes::none(self.origin.clone()) };
        Step::Done(writes, self.reader.clone())
    }
}

struct Remove {
    key: CellKey,
    origin: Origin,
}

impl Decide for Remove {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        match view.cell(&self.key) {
            None => Step::Need(vec![Read::Cell(self.key.clone())]),
            Some(None) => Step::Refuse(not_found()),
            Some(Some(_)) => {
                let cells = vec![CellWrite::Delete { key: self.key.clone() }];
                Step::Done(Writes { cells, ..Writes::none(self.origin.clone()) }, ())
            }
        }
    }
}
