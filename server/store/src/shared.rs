//! What all parts of an opened store have in common.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use basalt_core::random::Random;
use basalt_core::{Clock, Seq};
use tokio::sync::watch;

use crate::catalog::Catalog;
use crate::known::Known;
use crate::recent::Recent;

pub(crate) struct Shared {
    known: RwLock<Arc<Known>>,
    pub(crate) catalog: watch::Sender<Arc<Catalog>>,
    pub(crate) end: watch::Sender<Seq>,
    /// Counts the hints of other nodes' signals.
    pub(crate) signals: watch::Sender<u64>,
    /// Counts the hints that there are new jobs.
    pub(crate) jobs: watch::Sender<u64>,
    pub(crate) recent: Recent,
    /// Changes up to here are gone from the log, as far as this node knows.
    pub(crate) trimmed: AtomicU64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) hooks: Hooks,
}

/// Where tests take hold.
#[derive(Clone)]
pub(crate) struct Hooks {
    /// Called when the outcome of a commit can't be known any more because the disk failed. Not expected to return.
    pub(crate) on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
    /// Whether the next commit is to fail as if the disk did.
    pub(crate) fail_commit: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Whether the disk is to fail now, after a commit (SQLite).
    pub(crate) fail_sync: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Whether the connection is to be lost now (PostgreSQL).
    pub(crate) lose: Option<Arc<dyn Fn(Loss) -> bool + Send + Sync>>,
    /// For how long it is looked up what became of a commit whose connection was lost.
    pub(crate) search_time: Duration,
    /// Tries of a group without the lock.
    pub(crate) optimistic_tries: usize,
    /// How long a statement may read.
    pub(crate) read_time: Duration,
    /// Documents over which a step of filling an index takes too long.
    pub(crate) slow_fill: Option<usize>,
}

/// When a connection may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Before the commit.
    Request,
    /// After the commit, before its answer.
    Answer,
    /// When it is looked up what became of it.
    Search,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            on_fatal: Arc::new(exit),
            fail_commit: None,
            fail_sync: None,
            lose: None,
            search_time: Duration::from_secs(5),
            optimistic_tries: 5,
            read_time: Duration::from_secs(5),
            slow_fill: None,
        }
    }
}

/// After a failed fsync the page cache no longer tells what is on the disk: only a restart, which reads it anew, does.
fn exit(reason: &str) {
    tracing::error!(reason, "the disk failed in a commit; the server stops, so that nothing is answered on a guess");
    std::process::exit(74);
}

impl Shared {
    pub(crate) fn new(known: Known, end: Seq, clock: Arc<dyn Clock>, random: Arc<dyn Random>, hooks: Hooks) -> Self {
        let catalog = watch::Sender::new(Arc::clone(&known.catalog));
        let (known, end, recent) = (RwLock::new(Arc::new(known)), watch::Sender::new(end), Recent::default());
        let (signals, jobs) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { known, catalog, end, signals, jobs, recent, trimmed: AtomicU64::new(0), clock, random, hooks }
    }

    pub(crate) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a newer catalog; an older one is ignored.
    pub(crate) fn learn(&self, known: Known) {
        let catalog = Arc::clone(&known.catalog);
        {
            let mut current = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.epoch() <= current.epoch() {
                return;
            }
            *current = Arc::new(known);
        }
        self.catalog.send_if_modified(|held| {
            let newer = catalog.epoch > held.epoch;
            if newer {
                *held = catalog;
            }
            newer
        });
    }

    /// Jobs were enqueued.
    pub(crate) fn enqueued(&self) {
        self.jobs.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn reached(&self, seq: Seq) {
        self.end.send_if_modified(|end| {
            let further = seq > *end;
            if further {
                *end = seq;
            }
            further
        });
    }
}
