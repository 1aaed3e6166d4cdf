//! `&&` and `||` with operands that have no truth value.

use super::Evaluator;
use super::stop::Stop;
use super::watch::Watch;
use crate::tree::Node;

/// The truth value that decides alone: false for `&&` and `all`, true for `||` and `exists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decider {
    False,
    True,
}

/// What is known after some operands, none of which decided.
pub(crate) struct Undecided<'a> {
    decider: Decider,
    worst: Option<Stop<'a>>,
}

impl<'a> Undecided<'a> {
    pub(crate) fn new(decider: Decider) -> Self {
        Self { decider, worst: None }
    }

    /// Takes an operand's result. `Ok(true)`: it decides.
    pub(crate) fn add(&mut self, result: Result<bool, Stop<'a>>) -> Result<bool, Stop<'a>> {
        match result {
            Ok(value) => Ok(value == (self.decider == Decider::True)),
            Err(Stop::Exhausted(exhaustion)) => Err(Stop::Exhausted(exhaustion)),
            Err(stop) => {
                let is_worse = self.worst.as_ref().is_none_or(|worst| self.rank(&stop) > self.rank(worst));
                if is_worse {
                    self.worst = Some(stop);
                }
                Ok(false)
            }
        }
    }

    /// Whether asking a limit can still change anything: not while documents are missing (it will be asked then), and
    /// not in a conjunction that can't become true.
    fn wants_limits(&self) -> bool {
        match &self.worst {
            None => true,
            Some(Stop::Need) => false,
            Some(_) => self.decider == Decider::True,
        }
    }

    pub(crate) fn finish(self) -> Result<bool, Stop<'a>> {
        self.worst.map_or(Ok(self.decider == Decider::False), Err)
    }

    /// With a token, a limit would be true: in a conjunction an error is then still an error, in a disjunction not.
    fn rank(&self, stop: &Stop<'a>) -> u8 {
        match (stop, self.decider) {
            (Stop::Exhausted(_), _) => 4,
            (Stop::Need, _) => 3,
            (Stop::Error(_), Decider::False) | (Stop::Limited, Decider::True) => 2,
            (Stop::Limited, Decider::False) | (Stop::Error(_), Decider::True) => 1,
        }
    }
}

impl<'a, W: Watch<'a>> Evaluator<'a, W> {
    pub(super) fn and(&mut self, parts: &'a [Node]) -> Result<bool, Stop<'a>> {
        self.joined(parts, Decider::False)
    }

    pub(super) fn or(&mut self, parts: &'a [Node]) -> Result<bool, Stop<'a>> {
        self.joined(parts, Decider::True)
    }

    fn joined(&mut self, parts: &'a [Node], decider: Decider) -> Result<bool, Stop<'a>> {
        let mut undecided = Undecided::new(decider);
        for part in parts {
            if part.limits && !undecided.wants_limits() {
                continue;
            }
            let result = self.condition(part);
            if undecided.add(result)? {
                return Ok(decider == Decider::True);
            }
        }
        undecided.finish()
    }
}
