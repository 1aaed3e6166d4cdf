//! Shared queries: each distinct (query, rights) once, whoever watches it; its result in memory, kept up by the log.
//!
//! Nothing here waits: what has to be read from the store is asked for by [`Wish`], and comes back as an answer.
//! While a result is being read, changes are kept and applied after it by their places in the log: there is no hole
//! between a snapshot and what follows it.

mod deliver;
mod index;
mod judge;
mod known;
mod members;
mod parcel;
mod query;
pub(super) mod resume;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Change, Code, CollectionName, DocumentId, Error, Result, Seq};
use basalt_data::documents::live::{Identity, Taken, Watched};
use tokio::time::Instant;

use index::{Filing, Index};
pub(super) use known::{Answer, Place};
use query::Query;
pub(super) use query::{Joiner, Reach, SubscriptionKey, commits};

use super::metrics;

/// Queries that are asked at each change of their collection.
const MOST_UNFILED: usize = 10_000;
/// Rows of all results together.
const MOST_ROWS: usize = 5_000_000;
/// A query whose result has to be read anew because of others' documents is so at most this often.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct QueryId(pub(super) u64);

/// What is to be done by others.
pub(super) enum Wish {
    /// Read the result; `beyond` the limit these many rows more. And the log from `since` up to it.
    Take { query: QueryId, watched: Arc<Watched>, beyond: usize, since: Option<Seq> },
    /// Read documents that rows look up.
    LookUp { query: QueryId, places: Vec<Place> },
    /// A subscriber reads too slowly.
    Overflowed(SubscriptionKey),
    /// A subscription ends with an error.
    Failed(SubscriptionKey, Error),
    /// A subscription's rights are to be decided again.
    Decide(SubscriptionKey),
}

/// A result that was read.
pub(super) struct Reply {
    pub(super) taken: Taken,
    /// The changes up to it, where they were asked for and aren't too many.
    pub(super) missed: Option<Vec<Change>>,
}

#[derive(Default)]
pub(super) struct Queries {
    by_id: HashMap<QueryId, Query>,
    by_identity: HashMap<Identity, QueryId>,
    index: Index,
    /// Queries by the documents that decided their rights, and by the collections that their rows depend on.
    deciders: HashMap<(CollectionName, DocumentId), Vec<QueryId>>,
    sources: HashMap<CollectionName, Vec<QueryId>>,
    /// Those that may have something to do when its time comes.
    put_off: HashSet<QueryId>,
    /// Rows of all results.
    rows: usize,
    next: u64,
    pub(super) wishes: Vec<Wish>,
    log_id: Arc<str>,
}

impl Queries {
    pub(super) fn new(log_id: &str) -> Self {
        Self { log_id: log_id.into(), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Lets a subscriber in: the query's own, or a new one. He gets a snapshot that was read after this moment.
    pub(super) fn join(&mut self, watched: Arc<Watched>, joiner: Joiner) -> Result<QueryId> {
        let id = match self.by_identity.get(&watched.identity()) {
            Some(id) => *id,
            None => self.open(&watched)?,
        };
        self.with(id, |query, _| {
            query.watched = watched;
            query.join(joiner);
        });
        Ok(id)
    }

    fn open(&mut self, watched: &Arc<Watched>) -> Result<QueryId> {
        let filing = Filing::of(watched.filter());
        if self.rows > MOST_ROWS || (filing == Filing::Rest && self.index.unfiled() >= MOST_UNFILED) {
            let detail = "This node watches as much as it can; try again later.";
            return Err(Error::new(Code::Overloaded, detail).retry_after(Duration::from_secs(5)));
        }
        self.next += 1;
        let id = QueryId(self.next);
        self.index.file(watched.collection(), &filing, id);
        for place in watched.decided_by() {
            self.deciders.entry(place.clone()).or_default().push(id);
        }
        for collection in watched.rows_depend_on() {
            self.sources.entry(collection.clone()).or_default().push(id);
        }
        self.by_identity.insert(watched.identity(), id);
        self.by_id.insert(id, Query::new(id, Arc::clone(watched), filing, &self.log_id));
        Ok(id)
    }

    /// The same rights were decided anew.
    pub(super) fn renew(&mut self, id: QueryId, watched: &Arc<Watched>) -> bool {
        match self.by_id.get_mut(&id) {
            Some(query) if query.watched.identity() == watched.identity() => {
                query.watched = Arc::clone(watched);
                true
            }
            _ => false,
        }
    }

    /// Takes a subscriber out; tells what list he holds, if he has one.
    pub(super) fn leave(&mut self, id: QueryId, key: SubscriptionKey) -> Option<u64> {
        let mut print = None;
        self.with(id, |query, _| print = query.leave(key));
        print
    }

    /// Does something with a query, and what follows from it for all of them.
    fn with(&mut self, id: QueryId, act: impl FnOnce(&mut Query, &mut Vec<Wish>)) {
        let Some(query) = self.by_id.get_mut(&id) else { return };
        let before = query.rows();
        act(query, &mut self.wishes);
        self.rows = self.rows + query.rows() - before;
        if query.is_deserted() {
            return self.close(id);
        }
        self.wishes.extend(query.read_if_wanted());
        if query.is_put_off() {
            self.put_off.insert(id);
        }
    }

    fn close(&mut self, id: QueryId) {
        let Some(query) = self.by_id.remove(&id) else { return };
        let watched = &query.watched;
        self.rows -= query.rows();
        self.put_off.remove(&id);
        self.by_identity.remove(&watched.identity());
        self.index.remove(watched.collection(), &query.filing, id);
        for place in watched.decided_by() {
            forget(&mut self.deciders, place, id);
        }
        for collection in watched.rows_depend_on() {
            forget(&mut self.sources, collection, id);
        }
    }

    /// The changes of one commit, in order.
    pub(super) fn commit(&mut self, changes: &[Arc<Change>], now: Instant) {
        if self.by_id.is_empty() {
            return metrics::evaluated(0, changes.len());
        }
        let mut concerned: HashMap<QueryId, Vec<Arc<Change>>> = HashMap::new();
        for change in changes {
            self.depend(&change.collection, &change.id, now);
            for query in self.index.concerned(change) {
                concerned.entry(query).or_default().push(Arc::clone(change));
            }
        }
        let evaluations: usize = concerned.values().map(Vec::len).sum();
        metrics::evaluated(evaluations, changes.len());
        for (id, changes) in concerned {
            self.with(id, |query, wishes| query.commit(&changes, wishes));
        }
    }

    /// What others' documents say may have changed what a query shows, or whom.
    fn depend(&mut self, collection: &CollectionName, id: &DocumentId, now: Instant) {
        if self.deciders.is_empty() && self.sources.is_empty() {
            return;
        }
        let mut touched = self.sources.get(collection).cloned().unwrap_or_default();
        for query in &touched {
            if let Some(query) = self.by_id.get_mut(query) {
                query.source_changed(collection, id);
            }
        }
        let decided = self.deciders.get(&(collection.clone(), id.clone())).into_iter().flatten();
        for id in decided {
            if let Some(query) = self.by_id.get_mut(id) {
                query.decide_soon();
                touched.push(*id);
            }
        }
        for id in touched {
            self.with(id, |query, wishes| query.due(now, wishes));
        }
    }

    /// What was put off and is due now.
    pub(super) fn due(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.put_off) {
            self.with(id, |query, wishes| query.due(now, wishes));
        }
    }

    /// Everything may have changed: changes were missed.
    pub(super) fn refresh_all(&mut self, now: Instant) {
        for (id, query) in &mut self.by_id {
            query.refresh_soon();
            self.put_off.insert(*id);
        }
        self.due(now);
    }

    /// The rights of all subscribers are to be decided anew.
    pub(super) fn decide_all(&mut self) {
        for (id, query) in &mut self.by_id {
            query.decide_soon();
            self.put_off.insert(*id);
        }
        self.due(Instant::now());
    }

    /// What was looked up for a query.
    pub(super) fn found(&mut self, id: QueryId, outcome: Result<Vec<(Place, Answer)>>) {
        self.with(id, |query, wishes| query.found(outcome, wishes));
    }

    pub(super) fn taken(&mut self, id: QueryId, outcome: Result<Reply>, now: Instant) {
        self.with(id, |query, wishes| query.taken(outcome, now, wishes));
    }
}

fn forget<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vec<QueryId>>, key: &K, query: QueryId) {
    if let Some(queries) = map.get_mut(key) {
        queries.retain(|other| *other != query);
        if queries.is_empty() {
            map.remove(key);
        }
    }
}

/// A place in the log as clients get it: sorts by the log's order, and says what it belongs to, so that it is taken
/// back for the same query under the same rights only.
fn place_text(seq: Seq, binding: &str) -> Arc<str> {
    format!("{}.{binding}", basalt_core::change::seq_to_text(seq)).into()
}
