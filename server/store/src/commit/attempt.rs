use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use basalt_core::{Error, Result};

use super::bell::{self, Answer, Reply, Rings};
use crate::catalog::stale::stale_epoch;
use crate::decide::{Committed, Decide, Read, Step, View, Writes};

/// How often a decision may ask for more.
pub(crate) const MAX_ROUNDS: usize = 4;

/// A decision on its way through a committer, whatever its answer's type.
pub(crate) trait Attempt: Send {
    fn epoch(&self) -> Option<u64>;

    fn step(&mut self, view: &View) -> Asked;

    /// Tells the caller. Has to come after the durable commit (of a refusal, too: it may rest on what the group wrote).
    fn answer(self: Box<Self>, result: Result<Committed>, rings: &mut Rings);
}

pub(crate) enum Asked {
    Need(Vec<Read>),
    Done(Writes),
    Refuse(Error),
}

/// What a caller is answered, with what he asked: memory is best freed where it was taken.
pub(crate) struct Outcome<D: Decide> {
    pub(crate) result: Result<(D::Out, Committed)>,
    _asked: D,
}

/// A decision whose caller waits.
pub(crate) struct Ticket<D: Decide> {
    decide: D,
    out: Option<D::Out>,
    reply: Reply<Outcome<D>>,
}

impl<D: Decide> Ticket<D> {
    pub(crate) fn new(decide: D) -> (Self, Answer<Outcome<D>>) {
        let (reply, answer) = bell::answer();
        (Self { decide, out: None, reply }, answer)
    }
}

impl<D: Decide> Attempt for Ticket<D> {
    fn epoch(&self) -> Option<u64> {
        self.decide.epoch()
    }

    fn step(&mut self, view: &View) -> Asked {
        match guarded(|| self.decide.step(view)) {
            Ok(Step::Need(reads)) => Asked::Need(reads),
            Ok(Step::Done(writes, out)) => {
                self.out = Some(out);
                Asked::Done(writes)
            }
            Ok(Step::Refuse(error)) | Err(error) => Asked::Refuse(error),
        }
    }

    fn answer(self: Box<Self>, result: Result<Committed>, rings: &mut Rings) {
        let result = match (result, self.out) {
            (Ok(committed), Some(out)) => Ok((out, committed)),
            (Ok(_), None) => Err(Error::internal("a commit without a decision")),
            (Err(error), _) => Err(error),
        };
        self.reply.send(Outcome { result, _asked: self.decide }, rings);
    }
}

/// A decision that writes nothing, on its way through a reader, whatever its answer's type: the readers exist once.
pub(crate) trait Look: Any + Send {
    fn epoch(&self) -> Option<u64>;

    /// What it still has to read; empty once it is decided.
    fn step(&mut self, view: &View) -> Result<Vec<Read>>;
}

pub(crate) struct Inspection<D: Decide> {
    decide: D,
    out: Option<D::Out>,
}

impl<D: Decide> Inspection<D> {
    pub(crate) fn new(decide: D) -> Self {
        Self { decide, out: None }
    }

    pub(crate) fn out(self) -> Result<D::Out> {
        self.out.ok_or_else(|| Error::internal("an inspection without a decision"))
    }
}

impl<D: Decide> Look for Inspection<D> {
    fn epoch(&self) -> Option<u64> {
        self.decide.epoch()
    }

    fn step(&mut self, view: &View) -> Result<Vec<Read>> {
        match guarded(|| self.decide.step(view))? {
            Step::Need(reads) => Ok(reads),
            Step::Refuse(error) => Err(error),
            Step::Done(writes, out) => {
                if !writes.is_empty() {
                    return Err(Error::internal("an inspection wants to write"));
                }
                self.out = Some(out);
                Ok(Vec::new())
            }
        }
    }
}

/// A panic in a room's decision is that request's failure, not the committer's.
fn guarded<T>(step: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Error::internal(format!("a decision panicked: {text}"))
    })
}

/// Those of the reads that the view lacks; an error if it has them all (the decision would ask for ever).
pub(crate) fn unread(view: &View, reads: Vec<Read>, round: usize) -> Result<Vec<Read>> {
    if round >= MAX_ROUNDS {
        return Err(Error::internal(format!("a decision asked for more than {MAX_ROUNDS} times")));
    }
    let mut missing: Vec<Read> = reads.into_iter().filter(|read| !view.holds(read)).collect();
    if missing.is_empty() {
        return Err(Error::internal("a decision asked for what it was given"));
    }
    if missing.len() > 1 {
        let mut seen = std::collections::HashSet::with_capacity(missing.len());
        missing.retain(|read| seen.insert(read.clone()));
    }
    Ok(missing)
}

pub(crate) fn check_epoch(decided: Option<u64>, current: u64) -> Result<()> {
    match decided {
        Some(epoch) if epoch != current => Err(stale_epoch(current)),
        Some(_) | None => Ok(()),
    }
}
