//! Why an evaluation has no value.

use std::borrow::Cow;

use basalt_core::limits::{EXPRESSION_LOOKUPS, EXPRESSION_STEPS};

use super::budget::Exhausted;
use crate::fault::Fault;
use crate::tree::Span;
use crate::types::TypeName;

#[derive(Clone, Debug)]
pub(crate) enum Stop<'a> {
    /// The third truth value.
    Error(Failure<'a>),
    /// Documents have to be read first.
    Need,
    /// A `limit()` had no token left.
    Limited,
    /// The evaluation costs too much: ends all of it.
    Exhausted(Exhaustion),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Exhaustion {
    Steps,
    Lookups,
}

#[derive(Clone, Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) at: Span,
    pub(crate) why: Why<'a>,
}

/// Kept as data: errors are often absorbed, and a text is made only of the one that is left.
#[derive(Clone, Debug)]
pub(crate) enum Why<'a> {
    Missing(&'a str),
    MissingKey(Cow<'a, str>),
    NotAMap(TypeName),
    NotACondition(TypeName),
    /// What the operation wants, and what it got.
    Unfit(&'static str, TypeName),
    /// An operation and the two types it can't join.
    Pair(&'static str, TypeName, TypeName),
    NoDocument,
    Unbound(&'static str),
    Other(Cow<'static, str>),
}

impl Why<'_> {
    pub(crate) fn other(text: &'static str) -> Self {
        Why::Other(Cow::Borrowed(text))
    }
}

impl From<Exhausted> for Stop<'_> {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted(Exhaustion::Steps)
    }
}

impl Exhaustion {
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Steps => format!("The expression takes more than {EXPRESSION_STEPS} steps."),
            Self::Lookups => format!("The expression looks up more than {EXPRESSION_LOOKUPS} documents."),
        }
    }
}

impl Failure<'_> {
    pub(crate) fn reason(&self) -> String {
        match &self.why {
            Why::Missing(name) => format!("there is no `{name}`"),
            Why::MissingKey(key) => format!("there is no key {key:?}"),
            Why::NotAMap(found) => format!("{} has no fields", found.phrase()),
            Why::NotACondition(found) => format!("{} is no condition", found.phrase()),
            Why::Unfit(wanted, found) => format!("{wanted} is needed, and this is {}", found.phrase()),
            Why::Pair(operation, left, right) => {
                format!("{} and {} can't be {operation}", left.phrase(), right.phrase())
            }
            Why::NoDocument => "there is no such document".to_owned(),
            Why::Unbound(name) => format!("`{name}` has no value here"),
            Why::Other(text) => text.to_string(),
        }
    }

    /// With the part of the source and its place.
    pub(crate) fn describe(&self, source: &str) -> String {
        let place = Fault::at(source, self.at.from(), "");
        let part = source.get(self.at.from()..self.at.end()).unwrap_or_default();
        format!("`{part}` (line {}, column {}): {}", place.line, place.column, self.reason())
    }
}
