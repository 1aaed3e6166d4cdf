//! Writes the write-ahead log back into the database beside the writer, who would stand still for it: the pages of
//! thousands of commits, and the disk synced twice.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use basalt_core::{Error, Result};
use rusqlite::Connection;

use super::connection::open_checkpointer;
use super::error::is_io;
use crate::shared::Shared;

/// Pages of the log, 16 MiB, after which they are written back. A page that many writes touch is written back once for
/// all of them, so a longer log makes fewer of these writes.
const PAGES: i64 = 4_000;
/// Bytes of the log's file before its first page, and of a page with what goes before it.
const FILE_HEAD: u64 = 32;
const PAGE: u64 = 4_096 + 24;
/// So few are left to the writer, after which the log begins anew.
const FEW_PAGES: i64 = 400;
/// Rounds until there are few left; while one goes on, more come.
const ROUNDS: usize = 4;

/// How far the log is written back.
#[derive(Clone, Copy)]
pub(crate) struct LogPages {
    pages: i64,
    written_back: i64,
}

impl LogPages {
    /// Looks without doing anything.
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        checkpoint(connection, "NOOP")
    }

    /// What they take in its file.
    pub(crate) fn bytes(self) -> u64 {
        FILE_HEAD + u64::try_from(self.pages).unwrap_or(0) * PAGE
    }

    pub(crate) fn are_many(self) -> bool {
        self.pages - self.written_back >= PAGES
    }

    fn are_few(self) -> bool {
        self.pages - self.written_back <= FEW_PAGES
    }
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<LogPages> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    // busy, pages in the log, pages written back
    statement.query_row([], |row| Ok(LogPages { pages: row.get(1)?, written_back: row.get(2)? }))
}

/// The writer's end.
pub(crate) struct Checkpointer {
    wake: SyncSender<()>,
    done: Arc<AtomicBool>,
}

impl Checkpointer {
    /// Its thread ends when this is dropped.
    pub(crate) fn start(database: &Path, shared: &Arc<Shared>) -> Result<(Self, JoinHandle<()>)> {
        let connection = open_checkpointer(database)?;
        let (wake, woken) = sync_channel(1);
        let done = Arc::new(AtomicBool::new(false));
        let (ours, shared) = (Arc::clone(&done), Arc::clone(shared));
        let serve = move || serve(&connection, &woken, &ours, &shared);
        let thread =
            std::thread::Builder::new().name("basalt-checkpoint".to_owned()).spawn(serve).map_err(Error::internal)?;
        Ok((Self { wake, done }, thread))
    }

    /// Has the log written back; where that goes on already, nothing more happens.
    pub(crate) fn ask(&self) {
        // Full: it is asked already. Disconnected: it has ended, and has said why.
        let _ = self.wake.try_send(());
    }

    /// Whether it has come to an end since it was asked last: the rest is little.
    pub(crate) fn take_done(&self) -> bool {
        self.done.swap(false, Ordering::AcqRel)
    }
}

fn serve(connection: &Connection, woken: &Receiver<()>, done: &AtomicBool, shared: &Shared) {
    while woken.recv().is_ok() {
        for _ in 0..ROUNDS {
            match checkpoint(connection, "PASSIVE").and_then(|_| LogPages::of(connection)) {
                Ok(left) if left.are_few() => break,
                Ok(_) => {}
                Err(error) => {
                    if is_io(&error) {
                        (shared.hooks.on_fatal)(&error.to_string());
                    }
                    tracing::warn!(?error, "a checkpoint failed");
                    break;
                }
            }
        }
        done.store(true, Ordering::Release);
    }
}
