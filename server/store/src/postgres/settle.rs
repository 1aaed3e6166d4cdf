//! Taking batches into a group: each decides on what was read, in its turn.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_core::Result;
use sqlx::postgres::PgConnection;

use super::read::{Expectations, lock_cells, read};
use crate::commit::{ALONE_BYTES, Asked, Attempt, GROUP_BYTES, GROUP_TIME, Group, check_epoch, unread};
use crate::decide::Read;
use crate::shared::Shared;

/// A batch with what was decided on it.
pub(crate) struct Batch {
    pub(crate) attempt: Box<dyn Attempt>,
    /// Where its changes are among the group's, or why it is refused.
    pub(crate) verdict: Option<Result<Range<usize>>>,
    pub(crate) rounds: usize,
}

/// A group that was decided.
pub(crate) struct Decided {
    pub(crate) group: Group,
    pub(crate) expectations: Expectations,
    /// So many of the batches, from the front.
    pub(crate) taken: usize,
    /// How often was read: more than once isn't one snapshot.
    pub(crate) reads: usize,
    /// What the first batch asks for can only be read under the lock: nothing is decided yet.
    pub(crate) needs_lock: bool,
}

/// Whether the lock of the log is held while reading.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Free,
    Held,
}

impl Batch {
    pub(crate) fn new(attempt: Box<dyn Attempt>) -> Self {
        Self { attempt, verdict: None, rounds: 0 }
    }
}

/// Decides on as many batches as go into a group, in their order. While one needs more, what those behind it ask for
/// is read along; their answers count only once it is decided.
pub(crate) async fn decide(
    shared: &Shared,
    connection: &mut PgConnection,
    batches: &mut VecDeque<Batch>,
    lock: Lock,
) -> Result<Box<Decided>> {
    let mut group = Group::new(shared.known());
    let mut expectations = Expectations::default();
    let (mut taken, mut reads, mut deciding) = (0, 0, Duration::ZERO);
    for batch in batches.iter_mut() {
        batch.rounds = 0;
    }
    loop {
        let started = Instant::now();
        let (wanted, needs_lock) = match settle_all(&mut group, batches, &mut taken, lock) {
            Wanted::Reads(wanted) => (wanted, false),
            Wanted::Lock => (Vec::new(), true),
        };
        deciding += started.elapsed();
        if wanted.is_empty() || deciding >= GROUP_TIME && taken > 0 {
            return Ok(Box::new(Decided { group, expectations, taken, reads, needs_lock }));
        }
        let (known, now) = (Arc::clone(&group.known), shared.clock.now());
        if lock == Lock::Held {
            lock_cells(connection, &wanted).await?;
        }
        read(connection, &known, wanted, now, (&mut group.view, &mut expectations)).await?;
        reads += 1;
    }
}

/// Takes batches into the group as far as they can be decided; answers what has to be read to go on, nothing where the
/// group is closed.
fn settle_all(group: &mut Group, batches: &mut VecDeque<Batch>, taken: &mut usize, lock: Lock) -> Wanted {
    let closed = || Wanted::Reads(Vec::new());
    while let Some(batch) = batches.get_mut(*taken) {
        match settle(group, batch, lock) {
            Settled::Yes => *taken += 1,
            Settled::NeedsLock if *taken == 0 => return Wanted::Lock,
            Settled::OfTheNextGroup | Settled::NeedsLock => return closed(),
            Settled::Needs(mut wanted) => {
                for batch in batches.iter_mut().skip(*taken + 1) {
                    foresee(group, batch, &mut wanted);
                }
                return Wanted::Reads(distinct(wanted));
            }
        }
        let alone = *taken == 1 && group.bytes() > ALONE_BYTES;
        if alone || group.bytes() >= GROUP_BYTES {
            return closed();
        }
    }
    closed()
}

/// What has to be there to go on.
enum Wanted {
    /// None: the group is closed.
    Reads(Vec<Read>),
    Lock,
}

enum Settled {
    Yes,
    Needs(Vec<Read>),
    /// It is too large for this one, or asks for what only the first of a group may know.
    OfTheNextGroup,
    NeedsLock,
}

fn settle(group: &mut Group, batch: &mut Batch, lock: Lock) -> Settled {
    let verdict = match step(group, batch, lock) {
        Ok(Settled::Yes) => return Settled::Yes,
        Ok(other) => return other,
        Err(error) => Err(error),
    };
    batch.verdict = Some(verdict);
    Settled::Yes
}

fn step(group: &mut Group, batch: &mut Batch, lock: Lock) -> Result<Settled> {
    check_epoch(batch.attempt.epoch(), group.known.epoch())?;
    let writes = match batch.attempt.step(&group.view) {
        Asked::Refuse(error) => return Err(error),
        Asked::Need(reads) if reads.iter().any(Read::is_of_the_first) && !group.is_empty() => {
            return Ok(Settled::OfTheNextGroup);
        }
        Asked::Need(reads) if reads.iter().any(Read::is_of_the_first) && lock == Lock::Free => {
            return Ok(Settled::NeedsLock);
        }
        Asked::Need(reads) => {
            let reads = unread(&group.view, reads, batch.rounds)?;
            check_known(group, &reads)?;
            batch.rounds += 1;
            return Ok(Settled::Needs(reads));
        }
        Asked::Done(writes) => writes,
    };
    let holders = group.unknown_holders(&writes)?;
    if !holders.is_empty() {
        return Ok(Settled::Needs(holders));
    }
    let staged = group.stage(writes)?;
    if staged.bytes > ALONE_BYTES && !group.is_empty() {
        return Ok(Settled::OfTheNextGroup);
    }
    batch.verdict = Some(Ok(group.absorb(staged)));
    Ok(Settled::Yes)
}

/// What a batch whose turn has not come would ask for.
fn foresee(group: &Group, batch: &mut Batch, wanted: &mut Vec<Read>) {
    if check_epoch(batch.attempt.epoch(), group.known.epoch()).is_err() {
        return;
    }
    let reads = match batch.attempt.step(&group.view) {
        Asked::Need(reads) => reads,
        Asked::Done(writes) => group.unknown_holders(&writes).unwrap_or_default(),
        Asked::Refuse(_) => return,
    };
    let fresh: Vec<Read> =
        reads.into_iter().filter(|read| !read.is_of_the_first() && !group.view.holds(read)).collect();
    // An unknown place is its own batch's fault, found when its turn comes.
    if check_known(group, &fresh).is_ok() {
        wanted.extend(fresh);
    }
}

fn check_known(group: &Group, reads: &[Read]) -> Result<()> {
    for read in reads {
        match read {
            Read::Document { collection, .. } | Read::New { collection, .. } | Read::Holders { collection, .. } => {
                group.known.tables(collection)?;
            }
            Read::Unique { collection, index, .. } => drop(group.known.tables(collection)?.unique_index(index)?),
            Read::Cell(_) => {}
        }
    }
    Ok(())
}

fn distinct(reads: Vec<Read>) -> Vec<Read> {
    let mut seen = std::collections::HashSet::with_capacity(reads.len());
    reads.into_iter().filter(|read| seen.insert(read.clone())).collect()
}
