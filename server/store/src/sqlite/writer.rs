//! The one thread that writes. Batches that wait are decided and committed as a group, which goes on to the syncer: the
//! disk is synced once for all of them, and no one is answered before.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use basalt_core::{Error, Result, Seq};
use rusqlite::Connection;

use super::checkpointer::{Checkpointer, LogPages};
use super::connection::{LOG_BYTES, WRITER_PATIENCE, find, run};
use super::error::{is_io, map, sync_failure};
use super::room::LogRoom;
use super::syncer::{Answers, Durable, Unsynced};
use super::write;
use crate::commit::{
    ALONE_BYTES, Asked, Attempt, GROUP_BATCHES, GROUP_BYTES, GROUP_TIME, Group, Rings, Staged, check_epoch,
    is_of_one_batch, unread,
};
use crate::decide::{Read, View, Writes};
use crate::driver::Then;
use crate::known::Known;
use crate::shared::Shared;
use crate::sql::{Row, SqlValue, Statement};

/// How often an idle or busy writer looks after the write-ahead log.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// How long a checkpoint waits for readers, while no one can write.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(50);
/// Turns in a row that readers may hold up the checkpoint before that is said.
const STARVED_TURNS: u32 = 10;
/// Groups between two looks at the length of the log.
const LOOK_EVERY: u32 = 32;

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
    durable: Arc<Durable>,
    syncer: SyncSender<Unsynced>,
    checkpointer: Checkpointer,
    groups: u32,
    room: LogRoom,
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

/// Who the writer works with.
pub(crate) struct Beside {
    pub(crate) shared: Arc<Shared>,
    pub(crate) durable: Arc<Durable>,
    pub(crate) syncer: SyncSender<Unsynced>,
    pub(crate) checkpointer: Checkpointer,
}

impl Writer {
    pub(crate) fn new(connection: Connection, beside: Beside, log: LogEnd, wal: PathBuf) -> Self {
        let Beside { shared, durable, syncer, checkpointer } = beside;
        shared.recent.begin(log.seq + 1);
        let (next_seq, total_bytes) = (log.seq + 1, log.total_bytes);
        let (tended, starved, groups, room) = (Instant::now(), 0, 0, LogRoom::new(&wal));
        Self {
            connection,
            shared,
            next_seq,
            total_bytes,
            durable,
            syncer,
            checkpointer,
            groups,
            room,
            wal,
            tended,
            starved,
        }
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
                Command::Commit(attempt) => {
                    carried = self.group(attempt, queue);
                    self.look_after_log();
                }
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
        let mut answers = Vec::new();
        let mut carried = None;
        let mut group = Group::new(self.shared.known());
        if let Err(error) = self.begin() {
            first.answer(Err(error), &mut Rings::default());
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

    fn finish(&mut self, mut group: Group, answers: Answers) {
        let first_seq = self.next_seq;
        let (commit, written) = self.write_and_commit(&group);
        let unsynced = Unsynced { commit, first_seq, ..Unsynced::default() };
        match written {
            Ok(()) => {
                self.next_seq += group.changes.len() as Seq;
                self.total_bytes += bytes_of(&group);
                let (changes, jobs) = (std::mem::take(&mut group.changes), !group.jobs.is_empty());
                // So that those who are answered have their documents to themselves.
                drop(group);
                self.hand_on(Unsynced { changes, jobs, answers, ..unsynced });
            }
            Err(error) if is_of_one_batch(&error) && answers.len() > 1 => {
                self.hand_on(unsynced);
                self.each_alone(answers);
            }
            Err(error) => {
                let answers = answers.into_iter().map(|(attempt, _)| (attempt, Err(error.clone()))).collect();
                self.hand_on(Unsynced { answers, ..unsynced });
            }
        }
    }

    /// Waits while the syncer has enough to do: so long further batches gather.
    fn hand_on(&self, unsynced: Unsynced) {
        // A syncer that has ended has ended the process.
        drop(self.syncer.send(unsynced));
    }

    /// One batch of the group broke it: the others shall not suffer.
    fn each_alone(&mut self, answers: Answers) {
        for (mut attempt, _) in answers {
            let mut group = Group::new(self.shared.known());
            if let Err(error) = self.begin() {
                attempt.answer(Err(error), &mut Rings::default());
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

    /// The commit's number, as soon as a reader may see it.
    fn write_and_commit(&mut self, group: &Group) -> (Option<u64>, Result<()>) {
        let written = write::group(&self.connection, group, self.next_seq, self.total_bytes);
        if written.is_err() || group.writes_nothing() {
            self.rollback();
            return (None, written);
        }
        let (commit, done) = self.commit();
        (Some(commit), done)
    }

    pub(crate) fn begin(&self) -> Result<()> {
        self.step("BEGIN IMMEDIATE").map_err(|error| map(&error))
    }

    /// Not durable yet.
    fn commit(&self) -> (u64, Result<()>) {
        let number = self.durable.next();
        let result = match &self.shared.hooks.fail_commit {
            Some(fails) if fails() => Err(sync_failure()),
            _ => self.step("COMMIT"),
        };
        let result = result.map_err(|error| {
            if is_io(&error) {
                (self.shared.hooks.on_fatal)(&error.to_string());
            }
            self.rollback();
            map(&error)
        });
        (number, result)
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
            Ok(rows) => {
                let (commit, done) = self.commit();
                let synced = self.synced(commit);
                done.and(synced).map(|()| rows)
            }
            Err(error) => {
                self.rollback();
                Err(map(&error))
            }
        }
    }

    /// Runs statements, and those that they call for, as one transaction, which goes on to the disk while the writer is at
    /// the next one. Calling for none writes nothing.
    pub(crate) fn transact_then(&self, first: &[Statement], then: &Then) -> Result<Vec<Vec<Row>>> {
        let all = |statements: &[Statement]| {
            let rows = statements.iter().map(|statement| run(&self.connection, statement));
            rows.collect::<rusqlite::Result<Vec<Vec<Row>>>>().map_err(|error| map(&error))
        };
        self.begin()?;
        let called = all(first).and_then(|answers| then(&answers)).and_then(|further| {
            let rows = all(&further)?;
            Ok((rows, further.is_empty()))
        });
        match called {
            Ok((rows, false)) => {
                let (commit, done) = self.commit();
                self.hand_on(Unsynced { commit: Some(commit), ..Unsynced::default() });
                done.map(|()| rows)
            }
            Ok((rows, true)) => {
                self.rollback();
                Ok(rows)
            }
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    /// Waits until a commit is on the disk.
    fn synced(&self, commit: u64) -> Result<()> {
        let (waiting, synced) = sync_channel(1);
        self.hand_on(Unsynced { commit: Some(commit), waiting: Some(waiting), ..Unsynced::default() });
        synced.recv().map_err(|_| gone())?
    }

    /// Has the log written back when it is long, and begun anew when little of it is left to write.
    fn look_after_log(&mut self) {
        if self.checkpointer.take_done() {
            self.checkpoint("PASSIVE");
        }
        if self.groups.is_multiple_of(LOOK_EVERY) {
            match LogPages::of(&self.connection) {
                Ok(log) => {
                    if log.are_many() {
                        self.checkpointer.ask();
                    }
                    self.room.keep_ahead(log.bytes());
                    // Once more at once; after readers have held it up, with the next turn.
                    if log.bytes() > LOG_BYTES && self.starved == 0 {
                        self.tend();
                    }
                }
                Err(error) => tracing::warn!(?error, "the length of the write-ahead log isn't known"),
            }
        }
        self.groups = self.groups.wrapping_add(1);
    }

    fn tend(&mut self) {
        self.tended = Instant::now();
        if std::fs::metadata(&self.wal).is_ok_and(|wal| wal.len() > LOG_BYTES) {
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

/// For callers that wait on a task of the writer.
pub(crate) fn gone() -> Error {
    Error::new(basalt_core::Code::Unavailable, "The store is closed.")
}
