//! Who looks on while an expression is evaluated: nobody, or the simulator's trace.

use super::stop::Stop;
use super::value::Val;
use crate::tree::Node;

pub(crate) trait Watch<'a> {
    /// Whether each node is wanted; else some are passed over quickly.
    const SEES: bool;

    fn seen(&mut self, node: &'a Node, result: &Result<Val<'a>, Stop<'a>>);
}

pub(crate) struct Unwatched;

impl<'a> Watch<'a> for Unwatched {
    const SEES: bool = false;

    #[inline]
    fn seen(&mut self, _: &'a Node, _: &Result<Val<'a>, Stop<'a>>) {}
}
