//! The feed: what readers outside get of the log, a page at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_core::principal::{Access, Scope, ScopeRoom};
use basalt_core::{Caller, Change, Code, CollectionName, Error, Principal, Result, Seq};
use basalt_store::{LogOf, LogRead};
use tokio::sync::watch;

use super::{Changes, EventFilter, Since};

/// Changes of one page.
pub const FEED_DEFAULT: u32 = 500;
pub const FEED_MAX: u32 = 1_000;
/// Collections that one reader names.
const FEED_COLLECTIONS: usize = 20;
/// Changes that one page looks at, whatever of them matches.
const SCANNED: usize = 10_000;
/// Bytes of bodies of one page; one change more may be in it.
const BYTES: usize = 4 << 20;
/// How long one page is searched for.
const SEARCH: Duration = Duration::from_millis(100);
/// Changes after which a search looks at the time, and lets others have their turn.
const BREATH: usize = 64;
/// How long a reader that nobody wakes waits.
const POLL: Duration = Duration::from_millis(500);

/// What a reader wants.
#[derive(Clone, Debug)]
pub struct FeedQuery {
    pub since: Since,
    /// Only these collections' changes; empty: all.
    pub collections: Vec<CollectionName>,
    pub filter: Option<String>,
    pub limit: u32,
}

/// A reader in its place; each page moves it.
pub struct Feed {
    changes: Changes,
    collections: Vec<CollectionName>,
    filter: Option<EventFilter>,
    limit: usize,
    place: Seq,
    /// The log's end when the reader came: all up to here is told at once, also what memory hasn't got yet.
    end: Seq,
    news: Option<watch::Receiver<u64>>,
}

#[derive(Debug)]
pub struct FeedPage {
    pub items: Vec<Arc<Change>>,
    /// Up to here everything was looked at.
    pub next_since: Seq,
    /// Whether there may be more already.
    pub more: bool,
}

impl Changes {
    /// A reader after a place. Only services read the log, and only what their scopes name.
    pub fn feed(&self, caller: &Caller, query: FeedQuery) -> Result<Feed> {
        let FeedQuery { since, collections, filter, limit } = query;
        if !(1..=FEED_MAX).contains(&limit) {
            return Err(Error::new(Code::BadParameter, format!("limit is a number from 1 to {FEED_MAX}.")));
        }
        if collections.len() > FEED_COLLECTIONS {
            let detail = format!("Name at most {FEED_COLLECTIONS} collections.");
            return Err(Error::new(Code::BadParameter, detail));
        }
        let filter = filter.map(|source| EventFilter::compile(&source, "/filter")).transpose()?;
        let (place, news) = (self.seq_of(&since)?, self.recent.news());
        let limit = usize::try_from(limit).map_err(Error::internal)?;
        let feed = Feed { changes: self.clone(), collections, filter, limit, place, end: self.end(), news };
        feed.authorize(caller)?;
        Ok(feed)
    }
}

impl Feed {
    /// Whether the caller may read this; to be asked again while a stream goes on.
    pub fn authorize(&self, caller: &Caller) -> Result<()> {
        authorize(caller, Access::Read, &self.collections)
    }

    /// The next changes that match, or none: the end is reached, or nothing matched so far (`more`).
    pub async fn next(&mut self) -> Result<FeedPage> {
        if let Some(news) = &mut self.news {
            // Seen before reading: what comes meanwhile wakes the next wait.
            news.borrow_and_update();
        }
        let mut search = Search { started: Instant::now(), scanned: 0, bytes: 0, items: Vec::new() };
        loop {
            let (changes, through, more) = self.look(&search).await?;
            let stopped = self.sift(&mut search, changes).await;
            self.place = stopped.unwrap_or(through);
            let more = more || stopped.is_some();
            if !more || search.items.len() >= self.limit || search.is_over() {
                return Ok(FeedPage { items: search.items, next_since: self.place, more });
            }
        }
    }

    /// The changes that lie next, up to where they tell all, and whether there are more: from memory near the log's
    /// end, else from the store.
    async fn look(&self, search: &Search) -> Result<(Vec<Arc<Change>>, Seq, bool)> {
        let wanted = self.limit - search.items.len();
        let rows = if self.filter.is_some() { self.limit.max(500) } else { wanted };
        // What the log no longer holds is not told from memory either.
        if self.place >= self.changes.store.log_trimmed()
            && let Some(held) = self.changes.recent.after(self.place, rows)
        {
            let through = held.last().map_or(self.place, |last| last.seq);
            let more = held.len() == rows;
            if more || through >= self.end {
                return Ok((held, through, more));
            }
        }
        let of = match self.collections.as_slice() {
            [] => LogOf::All,
            collections => LogOf::Collections(collections.to_vec()),
        };
        let read = LogRead {
            since: self.place,
            of,
            rows: u32::try_from(rows).unwrap_or(u32::MAX),
            bytes: BYTES.saturating_sub(search.bytes).max(1),
        };
        let page = self.changes.store.read_log(&read).await?;
        let more = page.through < page.end;
        Ok((page.changes.into_iter().map(Arc::new).collect(), page.through, more))
    }

    /// Takes what matches. The place where it stopped, if that was before the last.
    async fn sift(&self, search: &mut Search, changes: Vec<Arc<Change>>) -> Option<Seq> {
        let mut rest = changes.into_iter().peekable();
        while let Some(change) = rest.next() {
            search.scanned += 1;
            let seq = change.seq;
            if self.matches(&change) {
                search.bytes += super::recent::weight(&change);
                search.items.push(change);
            }
            if search.scanned.is_multiple_of(BREATH) {
                tokio::task::yield_now().await;
            }
            if rest.peek().is_some() && (search.items.len() >= self.limit || search.is_over()) {
                return Some(seq);
            }
        }
        None
    }

    /// Changes of system collections are nobody's outside.
    fn matches(&self, change: &Change) -> bool {
        !change.collection.is_system()
            && (self.collections.is_empty() || self.collections.contains(&change.collection))
            && self.filter.as_ref().is_none_or(|filter| filter.holds(change))
    }

    /// The cursor of its place.
    pub fn cursor(&self) -> String {
        self.cursor_of(self.place)
    }

    /// The cursor of a change that it told.
    pub fn cursor_of(&self, seq: Seq) -> String {
        self.changes.cursor_text(seq)
    }

    /// Until there may be something new.
    pub async fn wait(&mut self) {
        let woken = match &mut self.news {
            Some(news) => news.changed().await.is_ok(),
            None => false,
        };
        if !woken {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// One page in the making.
struct Search {
    started: Instant,
    scanned: usize,
    bytes: usize,
    items: Vec<Arc<Change>>,
}

impl Search {
    fn is_over(&self) -> bool {
        let is_late = || self.scanned.is_multiple_of(BREATH) && self.started.elapsed() >= SEARCH;
        self.scanned >= SCANNED || self.bytes >= BYTES || is_late()
    }
}

/// Services alone, with the scope for all changes or for each of the collections.
pub(super) fn authorize(caller: &Caller, access: Access, collections: &[CollectionName]) -> Result<()> {
    let key = match &caller.principal {
        Principal::System => return Ok(()),
        Principal::Service(key) => key,
        Principal::Visitor => return Err(Error::unauthenticated()),
        Principal::User(_) | Principal::Operator(_) => {
            return Err(Error::new(Code::Forbidden, "The change log is for services."));
        }
    };
    let scope = |name| Scope::Room { room: ScopeRoom::Changes, access, name };
    if collections.is_empty() {
        return key.require(&scope(None));
    }
    collections.iter().try_for_each(|collection| key.require(&scope(Some(collection.to_string()))))
}
