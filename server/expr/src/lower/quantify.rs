//! `exists` and `all`: over the document's lists as leaves, over known lists written out.

use basalt_core::filter::{Filter, Leaf};

use super::place::Bound;
use super::{Join, Known, Lowering, Lowers, add};
use crate::eval::Val;
use crate::tree::{Macro, MacroKind, Node};

impl<'a> Lowering<'a, '_> {
    pub(super) fn quantified(&mut self, node: &'a Node, of: &'a Macro) -> Lowers<Filter> {
        let is_exists = match of.kind {
            MacroKind::Exists => true,
            MacroKind::All => false,
            MacroKind::ExistsOne | MacroKind::Map | MacroKind::Filter => return self.refuse(node),
        };
        if !of.range.open {
            return self.written_out(of, if is_exists { Join::Or } else { Join::And });
        }
        let place = self.place(&of.range)?;
        let outer = self.context;
        if !place.chain.is_empty() {
            self.contexts += 1;
            self.context = self.contexts;
        }
        let bound = Bound::Element { index: self.elements, context: self.context };
        self.elements += 1;
        let filter = self.with(bound, Val::Null, &of.body);
        self.elements -= 1;
        self.context = outer;
        let filter = Box::new(filter?);
        self.leaf(
            node,
            place,
            |place| if is_exists { Leaf::Any { place, filter } } else { Leaf::All { place, filter } },
        )
    }

    /// The condition on an element.
    fn with(&mut self, bound: Bound, element: Val<'a>, body: &'a Node) -> Lowers<Filter> {
        self.bounds.push(bound);
        if let Some(closed) = &mut self.closed {
            closed.variables.push(element);
        }
        let filter = self.condition(body);
        if let Some(closed) = &mut self.closed {
            closed.variables.pop();
        }
        self.bounds.pop();
        filter
    }

    /// The condition on each element of a known list, joined.
    fn written_out(&mut self, of: &'a Macro, join: Join) -> Lowers<Filter> {
        let list = match self.known(&of.range)? {
            Known::Unknown => return self.with(Bound::Closed, Val::Null, &of.body),
            Known::Value(Val::List(list)) => list,
            Known::Failed | Known::Value(_) => return Ok(Filter::Error),
        };
        self.check_length(&of.range, list.len())?;
        let mut filters = Vec::with_capacity(list.len());
        for element in list.iter() {
            match self.with(Bound::Closed, element, &of.body)? {
                Filter::True if join == Join::Or => return Ok(Filter::True),
                Filter::False if join == Join::And => return Ok(Filter::False),
                filter => add(&mut filters, filter, join),
            }
        }
        Ok(match join {
            Join::And => Filter::and(filters),
            Join::Or => Filter::or(filters),
        })
    }
}
