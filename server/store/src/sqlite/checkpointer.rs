//! Writes the write-ahead log back into the database beside the writer, who would stand still for it: the pages of
//! thousands of commits, and the disk synced twice.

use std::fs::File;
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

/// Pages of the log, 32 MiB, after which they are written back. A page that many writes touch is written back once for
/// all of them, so a longer log makes fewer of these writes.
const PAGES: i64 = 8_000;
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
    ///
    /// `pages` is the database's file. It is only to be closed after all connections: closing any handle of a file gives
    /// up the locks that SQLite has on it.
    pub(crate) fn start(database: &Path, pages: Arc<File>, shared: &Arc<Shared>) -> Result<(Self, JoinHandle<()>)> {
        let connection = open_checkpointer(database)?;
        let (wake, woken) = sync_channel(1);
        let done = Arc::new(AtomicBool::new(false));
        let (ours, shared) = (Arc::clone(&done), Arc::clone(shared));
        let serve = move || serve(&connection, &pages, &woken, &ours, &shared);
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

fn serve(connection: &Connection, pages: &File, woken: &Receiver<()>, done: &AtomicBool, shared: &Shared) {
    while woken.recv().is_ok() {
        for _ in 0..ROUNDS {
            match round(connection, pages) {
                Ok(left) if left.are_few() => break,
                Ok(_) => {}
                Err(error) => {
                    if error.io {
                        (shared.hooks.on_fatal)(&error.text);
                    }
                    tracing::warn!(error = error.text, "a checkpoint failed");
                    break;
                }
            }
        }
        done.store(true, Ordering::Release);
    }
}

struct Failure {
    io: bool,
    text: String,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self { io: is_io(&error), text: error.to_string() }
    }
}

/// SQLite itself syncs the database only where nothing is left to write back, which is in the writer's turn: what was
/// written here is synced here, so that little is left for then.
fn round(connection: &Connection, pages: &File) -> Result<LogPages, Failure> {
    checkpoint(connection, "PASSIVE")?;
    pages.sync_data().map_err(|error| Failure { io: true, text: error.to_string() })?;
    Ok(LogPages::of(connection)?)
}
