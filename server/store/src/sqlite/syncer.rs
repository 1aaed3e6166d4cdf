//! The one thread that syncs the disk. A group that the writer has committed waits here until it is on the disk, and no
//! one is answered before; meanwhile the writer is at the next one.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use basalt_core::change::Body;
use basalt_core::{Code, Error, Result, Seq};
use tokio::sync::watch;

use super::connection::cannot_open;
use crate::commit::{Attempt, ChangeRow, Rings};
use crate::decide::Committed;
use crate::shared::Shared;

/// Groups that the writer may commit while the one before them is synced.
pub(crate) const AHEAD: usize = 1;

/// How many commits there are, and how many of them are on the disk.
pub(crate) struct Durable {
    written: AtomicU64,
    synced: watch::Sender<u64>,
}

impl Durable {
    pub(crate) fn new() -> Self {
        Self { written: AtomicU64::new(0), synced: watch::Sender::new(0) }
    }

    /// Numbers a commit; to be called before readers can see it.
    pub(crate) fn next(&self) -> u64 {
        self.written.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Waits until all that a read may have seen is on the disk: what is shown to anybody does not go in a power loss.
    pub(crate) async fn settled(&self) {
        let written = self.written.load(Ordering::SeqCst);
        if *self.synced.borrow() < written {
            // The sender is this struct's own.
            drop(self.synced.subscribe().wait_for(|synced| *synced >= written).await);
        }
    }

    fn reached(&self, commit: u64) {
        self.synced.send_if_modified(|synced| {
            let further = commit > *synced;
            *synced = commit.max(*synced);
            further
        });
    }
}

/// Of a group's batches, each with its changes among the group's; to be given once all of it is on the disk.
pub(crate) type Answers = Vec<(Box<dyn Attempt>, Result<Range<usize>>)>;

/// A group on its way to the disk.
#[derive(Default)]
pub(crate) struct Unsynced {
    /// Its number; `None` where it wrote nothing (its answers still may rest on what an earlier one wrote).
    pub(crate) commit: Option<u64>,
    pub(crate) first_seq: Seq,
    pub(crate) changes: Vec<ChangeRow>,
    /// Whether it enqueued jobs.
    pub(crate) jobs: bool,
    pub(crate) answers: Answers,
    /// Who waits for it without being answered a commit.
    pub(crate) waiting: Option<SyncSender<Result<()>>>,
}

pub(crate) struct Syncer {
    shared: Arc<Shared>,
    durable: Arc<Durable>,
    /// The write-ahead log, by a handle of our own: SQLite appends to it and leaves the syncing to us.
    wal: File,
}

impl Syncer {
    pub(crate) fn open(shared: Arc<Shared>, durable: Arc<Durable>, wal: &Path) -> Result<Self> {
        let path = wal;
        let wal = File::open(path).map_err(|error| cannot_open(path, &error))?;
        // Its name has to last, too.
        if let Some(folder) = path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| cannot_open(folder, &error))?;
        }
        Ok(Self { shared, durable, wal })
    }

    pub(crate) fn serve(&self, groups: &Receiver<Unsynced>) {
        while let Ok(first) = groups.recv() {
            // What was committed while the last ones were synced goes to the disk together.
            let ready: Vec<Unsynced> = std::iter::once(first).chain(groups.try_iter().take(AHEAD)).collect();
            let synced = if ready.iter().any(|group| group.commit.is_some()) { self.sync() } else { Ok(()) };
            let mut rings = Rings::default();
            for group in ready {
                self.finish(group, &synced, &mut rings);
            }
        }
    }

    fn sync(&self) -> Result<()> {
        let synced = match &self.shared.hooks.fail_sync {
            Some(fails) if fails() => Err(std::io::Error::other("the disk was told to fail")),
            _ => self.wal.sync_data(),
        };
        synced.map_err(|error| {
            (self.shared.hooks.on_fatal)(&error.to_string());
            Error::new(Code::OutcomeUnknown, "The disk failed; whether the write took effect is not known.")
                .caused_by(error)
        })
    }

    fn finish(&self, group: Unsynced, synced: &Result<()>, rings: &mut Rings) {
        let Unsynced { commit, first_seq, changes, jobs, answers, waiting } = group;
        let afters: Vec<Option<Body>> = changes.iter().map(|change| change.after.clone()).collect();
        if let (Ok(()), Some(commit)) = (synced, commit) {
            let logged = changes.len() as Seq;
            if logged > 0 {
                // In memory before anybody is woken to read it.
                self.shared.recent.append(changes);
            }
            self.durable.reached(commit);
            if logged > 0 {
                self.shared.reached(first_seq + logged - 1);
            }
            if jobs {
                self.shared.enqueued();
            }
        }
        for (attempt, result) in answers {
            attempt.answer(synced.clone().and(result).map(|range| Committed::new(first_seq, range, &afters)), rings);
        }
        if let Some(waiting) = waiting {
            // Who doesn't wait any more doesn't want to know.
            drop(waiting.send(synced.clone()));
        }
    }
}
