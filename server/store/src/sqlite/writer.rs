//! The one thread that writes. Batches that wait are decided and committed as a group: the disk is synced once for all
//! of them, and no one is answered before.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use basalt_core::{Error, Result, Seq};
use rusqlite::Connection;

use super::connection::{WRITER_PATIENCE, find, run};
use super::error::{is_io, map, sync_failure};
use super::write;
use crate::commit::{
    ALONE_BYTES, Asked, Attempt, GROUP_BATCHES, GROUP_BYTES, GROUP_TIME, Group, Staged, check_epoch, is_of_one_batch,
    unread,
};
use crate::decide::{Committed, Read, View, Writes};
use crate::known::Known;
use crate::shared::Shared;
use crate::sql::{Row, SqlValue, Statement};

/// How often an idle or busy writer looks after the write-ahead log.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// Above this the log is written back and cut by force.
const WAL_BYTES: u64 = 32 << 20;
/// How long a checkpoint waits for readers, while no one can write.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(50);
/// Turns in a row that readers may hold up the checkpoint before that is said.
const STARVED_TURNS: u32 = 10;

pub(crate) enum Command {
    Commit(Box<dyn Attempt>),
    Task(Box<dyn FnOnce(&mut Writer) + Send>),
    Close,
}

pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) shared: Arc<Shared>,
    /// Of the next change.
    next_seq: Seq,
    /// Bytes of the log so far, those trimmed included.
    total_bytes: i64,
    wal: PathBuf,
    tended: Instant,
    /// Turns in a row that readers held up the checkpoint.
    starved: u32,
}

/// Whether a batch goes with the group.
enum Decided {
    Here(Staged),
    /// It is too large for this one, or asks for what only the first of a group may know.
    OfTheNextGroup,
}

type Answer = (Box<dyn Attempt>, Result<Range<usize>>);

impl Writer {
    pub(crate) fn new(connection: Connection, shared: Arc<Shared>, log: LogEnd, wal: PathBuf) -> Self {
        shared.recent.begin(log.seq + 1);
        let (next_seq, total_bytes) = (log.seq + 1, log.total_bytes);
        Self { connection, shared, next_seq, total_bytes, wal, tended: Instant::now(), starved: 0 }
    }

    pub(crate) fn serve(mut self, queue: &Receiver<Command>) {
        let mut carried = None;
        loop {
            let command = match carried.take() {
                Some(command) => command,
                None => match queue.recv_timeout(TEND_EVERY) {
                    Ok(command) => command,
                    Err(RecvTimeoutError::Timeout) => {
                        self.tend();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            match command {
                Command::Commit(attempt) => carried = self.group(attempt, queue),
                Command::Task(task) => task(&mut self),
                Command::Close => break,
            }
            if self.tended.elapsed() >= TEND_EVERY {
                self.tend();
            }
        }
        self.checkpoint("TRUNCATE");
    }

    /// Takes `first` and what waits behind it as one group; answers what came too late for it.
    fn group(&mut self, first: Box<dyn Attempt>, queue: &Receiver<Command>) -> Option<Command> {
        let started = Instant::now();
        let mut answers: Vec<Answer> = Vec::new();
        let mut carried = None;
        let mut group = Group::new(self.shared.known());
        if let Err(error) = self.begin() {
            first.answer(Err(error));
            return None;
        }
        let mut next = Some(first);
        while let Some(mut attempt) = next.take() {
            match self.decide(&mut group, attempt.as_mut()) {
                Ok(Decided::OfTheNextGroup) => {
                    carried = Some(Command::Commit(attempt));
                    break;
                }
                Ok(Decided::Here(staged)) => {
                    let changes = group.absorb(staged);
                    answers.push((attempt, Ok(changes)));
                }
                Err(error) => answers.push((attempt, Err(error))),
            }
            let alone = answers.len() == 1 && group.bytes() > ALONE_BYTES;
            let full = answers.len() >= GROUP_BATCHES || group.bytes() >= GROUP_BYTES;
            if alone || full || started.elapsed() >= GROUP_TIME {
                break;
            }
            match queue.try_recv() {
                Ok(Command::Commit(attempt)) => next = Some(attempt),
                Ok(other) => carried = Some(other),
                Err(_) => {}
            }
        }
        self.finish(group, answers);
        carried
    }

    /// Lets a batch decide on what the group has read and written so far.
    fn decide(&self, group: &mut Group, attempt: &mut dyn Attempt) -> Result<Decided> {
        check_epoch(attempt.epoch(), group.known.epoch())?;
        let mut round = 0;
        let writes: Writes = loop {
            match attempt.step(&group.view) {
                Asked::Done(writes) => break writes,
                Asked::Refuse(error) => return Err(error),
                Asked::Need(reads) if !group.is_empty() && reads.iter().any(Read::is_of_the_first) => {
                    return Ok(Decided::OfTheNextGroup);
                }
                Asked::Need(reads) => {
                    let reads = unread(&group.view, reads, round)?;
                    self.read(&group.known, &mut group.view, reads)?;
                }
            }
            round += 1;
        };
        let holders = group.unknown_holders(&writes)?;
        let known = Arc::clone(&group.known);
        self.read(&known, &mut group.view, holders)?;
        let staged = group.stage(writes)?;
        let too_large = staged.bytes > ALONE_BYTES && !group.is_empty();
        Ok(if too_large { Decided::OfTheNextGroup } else { Decided::Here(staged) })
    }

    fn read(&self, known: &Known, view: &mut View, reads: Vec<Read>) -> Result<()> {
        if reads.is_empty() {
            return Ok(());
        }
        let now = self.shared.clock.now();
        for read in reads {
            let found = find(&self.connection, known, &read, now)?;
            view.insert(read, found);
        }
        Ok(())
    }

    fn finish(&mut self, group: Group, answers: Vec<Answer>) {
        let first_seq = self.next_seq;
        match self.write_and_commit(&group) {
            Ok(()) => {
                let changes = group.changes.len() as Seq;
                self.next_seq += changes;
                self.total_bytes += bytes_of(&group);
                if changes > 0 {
                    // In memory before anybody is woken to read it.
                    self.shared.recent.append(group.changes);
                    self.shared.reached(first_seq + changes - 1);
                }
                for (attempt, result) in answers {
                    attempt.answer(result.map(|range| committed(first_seq, range)));
                }
            }
            Err(error) if is_of_one_batch(&error) && answers.len() > 1 => self.each_alone(answers),
            Err(error) => {
                for (attempt, _) in answers {
                    attempt.answer(Err(error.clone()));
                }
            }
        }
    }

    /// One batch of the group broke it: the others shall not suffer.
    fn each_alone(&mut self, answers: Vec<Answer>) {
        for (mut attempt, _) in answers {
            let mut group = Group::new(self.shared.known());
            if let Err(error) = self.begin() {
                attempt.answer(Err(error));
                continue;
            }
            let result = match self.decide(&mut group, attempt.as_mut()) {
                Ok(Decided::Here(staged)) => Ok(group.absorb(staged)),
                Ok(Decided::OfTheNextGroup) => Err(Error::internal("a group of one has no next")),
                Err(error) => Err(error),
            };
            self.finish(group, vec![(attempt, result)]);
        }
    }

    fn write_and_commit(&mut self, group: &Group) -> Result<()> {
        let written = write::group(&self.connection, group, self.next_seq, self.total_bytes);
        if written.is_err() {
            self.rollback();
        }
        written.and_then(|()| self.commit())
    }

    pub(crate) fn begin(&self) -> Result<()> {
        self.step("BEGIN IMMEDIATE").map_err(|error| map(&error))
    }

    pub(crate) fn commit(&self) -> Result<()> {
        let result = match &self.shared.hooks.fail_commit {
            Some(fails) if fails() => Err(sync_failure()),
            _ => self.step("COMMIT"),
        };
        result.map_err(|error| {
            if is_io(&error) {
                (self.shared.hooks.on_fatal)(&error.to_string());
            }
            self.rollback();
            map(&error)
        })
    }

    pub(crate) fn rollback(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.step("ROLLBACK")
        {
            tracing::error!(%error, "a transaction can't be rolled back");
        }
    }

    fn step(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    /// Runs statements as one durable transaction.
    pub(crate) fn transact(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>> {
        self.begin()?;
        let rows: rusqlite::Result<Vec<Vec<Row>>> =
            statements.iter().map(|statement| run(&self.connection, statement)).collect();
        match rows {
            Ok(rows) => self.commit().map(|()| rows),
            Err(error) => {
                self.rollback();
                Err(map(&error))
            }
        }
    }

    fn tend(&mut self) {
        self.tended = Instant::now();
        if std::fs::metadata(&self.wal).is_ok_and(|wal| wal.len() > WAL_BYTES) {
            let done = self.checkpoint("TRUNCATE");
            self.starved = if done { 0 } else { self.starved + 1 };
            if self.starved > 0 && self.starved.is_multiple_of(STARVED_TURNS) {
                let seconds = (TEND_EVERY * self.starved).as_secs();
                tracing::warn!(seconds, "long reads hold up the checkpoint: the write-ahead log grows");
            }
        }
    }

    /// Writes the log back into the database; whether all of it was. A reader that holds it up is not waited for: the
    /// next turn comes soon.
    fn checkpoint(&self, mode: &str) -> bool {
        let patience = |time| self.connection.busy_timeout(time).map_err(|error| map(&error));
        let statement = Statement { sql: format!("PRAGMA wal_checkpoint({mode})"), values: Vec::new() };
        let done = patience(CHECKPOINT_PATIENCE).and_then(|()| {
            run(&self.connection, &statement).map_err(|error| {
                if is_io(&error) {
                    (self.shared.hooks.on_fatal)(&error.to_string());
                }
                map(&error)
            })
        });
        if let Err(error) = patience(WRITER_PATIENCE) {
            tracing::error!(?error, "the writer's patience can't be set");
        }
        match done {
            // busy, frames in the log, frames written back
            Ok(rows) => rows.first().and_then(|row| row.first()).and_then(SqlValue::as_int) == Some(0),
            Err(error) => {
                tracing::warn!(?error, "a checkpoint failed");
                false
            }
        }
    }
}

/// Where the log ends, as found at the start.
#[derive(Clone, Copy, Default)]
pub(crate) struct LogEnd {
    pub(crate) seq: Seq,
    pub(crate) total_bytes: i64,
}

fn bytes_of(group: &Group) -> i64 {
    group.changes.iter().map(|change| i64::try_from(change.bytes()).unwrap_or(i64::MAX)).sum()
}

fn committed(first: Seq, range: Range<usize>) -> Committed {
    Committed { seqs: range.map(|n| first + n as Seq).collect() }
}

/// For callers that wait on a task of the writer.
pub(crate) fn gone() -> Error {
    Error::new(basalt_core::Code::Unavailable, "The store is closed.")
}
