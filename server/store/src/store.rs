use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::random::Random;
use basalt_core::{Change, Clock, CollectionName, Document, DocumentId, Result, Seq, Timestamp};
use tokio::sync::watch;

use crate::catalog::{Catalog, CatalogChange};
use crate::decide::{Cell, CellKey, Committed, Decide};
use crate::jobs::Job;
use crate::query::{Aggregate, AggregatePage, Count, List, Page};
use crate::records::Record;

/// Which database, and where.
#[derive(Clone, Debug)]
pub enum Engine {
    /// A folder of its own, made if missing and locked against a second process.
    Sqlite {
        folder: PathBuf,
    },
    Postgres {
        url: String,
        max_connections: u32,
    },
}

#[derive(Clone)]
pub struct Options {
    pub engine: Engine,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// How long the log is kept.
    pub log_max_age: Duration,
    pub log_max_bytes: u64,
}

/// The opened database; cheap to clone.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens, migrates (after a backup, where there is something to lose) and starts the committer.
    pub async fn open(_options: Options) -> Result<Self> {
        unimplemented!()
    }

    /// Answers what is under way, then closes.
    pub async fn close(&self) {
        unimplemented!()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        unimplemented!()
    }

    /// The catalog as this node knows it.
    pub fn catalog(&self) -> Arc<Catalog> {
        unimplemented!()
    }

    /// Changes of the catalog, as this node learns of them.
    pub fn catalog_changes(&self) -> watch::Receiver<Arc<Catalog>> {
        unimplemented!()
    }

    /// Changes the catalog if its epoch still is `expected` (else the error is a stale epoch). Indexes are built in the
    /// background.
    pub async fn define(&self, _expected: u64, _changes: Vec<CatalogChange>) -> Result<Arc<Catalog>> {
        unimplemented!()
    }

    /// Waits until no index is being built (tests, imports).
    pub async fn indexes_built(&self) -> Result<()> {
        unimplemented!()
    }

    /// Decides and commits durably, in a group with others.
    pub async fn commit<D: Decide>(&self, _decide: D) -> Result<(D::Out, Committed)> {
        unimplemented!()
    }

    /// Decides on one consistent snapshot without writing (what it writes has to be empty).
    pub async fn inspect<D: Decide>(&self, _decide: D) -> Result<D::Out> {
        unimplemented!()
    }

    pub async fn document(&self, _collection: &CollectionName, _id: &DocumentId) -> Result<Option<Document>> {
        unimplemented!()
    }

    pub async fn cell(&self, _key: &CellKey) -> Result<Option<Cell>> {
        unimplemented!()
    }

    pub async fn list(&self, _list: List) -> Result<Page> {
        unimplemented!()
    }

    pub async fn count(&self, _count: Count) -> Result<u64> {
        unimplemented!()
    }

    pub async fn aggregate(&self, _aggregate: Aggregate) -> Result<AggregatePage> {
        unimplemented!()
    }

    /// The identity of this log; another one after a restore or a move between engines.
    pub fn log_id(&self) -> &str {
        unimplemented!()
    }

    /// The changes after `since`, in order, at most `limit`. A `since` older than what is kept is
    /// [`basalt_core::Code::CursorExpired`].
    pub async fn changes(&self, _since: Seq, _limit: u32) -> Result<Vec<Change>> {
        unimplemented!()
    }

    /// The log's end; a hint that there is something to read ([`Store::changes`] tells).
    pub fn log_end(&self) -> watch::Receiver<Seq> {
        unimplemented!()
    }

    /// Claims due jobs of these kinds for `lease`, at most 100.
    pub async fn claim_jobs(&self, _kinds: &[&str], _limit: u32, _lease: Duration) -> Result<Vec<Job>> {
        unimplemented!()
    }

    /// Removes done jobs; those whose token no longer holds are left and returned.
    pub async fn complete_jobs(&self, _jobs: &[Job]) -> Result<Vec<i64>> {
        unimplemented!()
    }

    /// Puts a job back, to be tried again at `run_at`. `false`: the token no longer holds.
    pub async fn retry_job(&self, _job: &Job, _run_at: Timestamp, _error: &str) -> Result<bool> {
        unimplemented!()
    }

    /// Appends without waiting; drops and counts when the queue is full.
    pub fn record(&self, _record: Record) {
        unimplemented!()
    }

    /// The newest records of a kind in `from..to`, at most `limit`.
    pub async fn records(&self, _kind: &str, _from: Timestamp, _to: Timestamp, _limit: u32) -> Result<Vec<Record>> {
        unimplemented!()
    }
}
