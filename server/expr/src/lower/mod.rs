//! From the tree to a [`Filter`]: what doesn't depend on `doc` is computed under the environment, the rest becomes leaves
//! whose three-valued answer on every document is the evaluator's.
//!
//! The same code checks at compile time that there is such a filter whatever values are bound: without an evaluator,
//! closed parts are taken as unknown.

mod compare;
mod lookups;
mod place;
mod quantify;
mod refuse;

use basalt_core::filter::{Filter, Leaf, Place};
use basalt_core::{CollectionName, DocumentId, FieldPath};

use crate::env::Env;
use crate::eval::{Evaluator, Stop, Unwatched, Val};
use crate::fault::Fault;
use crate::tree::{Constant, Kind, Node};

use place::Bound;

/// The leaves of one filter.
const LEAVES: usize = 2_000;

type Lowers<T> = Result<T, Fault>;

/// Documents that have to be read before the filter is known.
pub(crate) type Needs = Vec<(CollectionName, DocumentId)>;

/// The filter under an environment, or what has to be read first.
pub(crate) fn lower(source: &str, root: &Node, env: &Env<'_>) -> Result<Result<Filter, Needs>, Fault> {
    let mut lowering = Lowering::new(source, Some(Evaluator::new(*env, Unwatched)));
    let filter = lowering.condition(root)?;
    let needs = lowering.closed.map_or_else(Vec::new, |closed| closed.finish().0);
    // What was missing stood as an error; true and false don't depend on errors.
    let is_known = needs.is_empty() || matches!(filter, Filter::True | Filter::False);
    Ok(if is_known { Ok(filter) } else { Err(needs) })
}

/// Why there is no filter whatever values are bound; empty if there is one.
pub(crate) fn check(source: &str, root: &Node) -> Vec<Fault> {
    let mut lowering = Lowering::new(source, None);
    let last = lowering.condition(root).err();
    let mut faults = lowering.faults;
    faults.extend(last);
    faults
}

struct Lowering<'a, 's> {
    source: &'s str,
    /// Computes what doesn't depend on `doc`; `None` while only the form is checked.
    closed: Option<Evaluator<'a, Unwatched>>,
    /// The elements of the enclosing macros.
    bounds: Vec<Bound>,
    /// How many of them are elements of the document's lists.
    elements: usize,
    /// Which document the enclosing list is of: 0 for the document itself, else a look-up's.
    context: u32,
    contexts: u32,
    leaves: usize,
    faults: Vec<Fault>,
}

/// A part that doesn't depend on `doc`.
enum Known<'a> {
    /// Only its form is known yet.
    Unknown,
    Failed,
    Value(Val<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    And,
    Or,
}

impl<'a, 's> Lowering<'a, 's> {
    fn new(source: &'s str, closed: Option<Evaluator<'a, Unwatched>>) -> Self {
        Self { source, closed, bounds: Vec::new(), elements: 0, context: 0, contexts: 0, leaves: 0, faults: Vec::new() }
    }

    fn fault<T>(&self, node: &Node, message: impl Into<String>) -> Lowers<T> {
        Err(Fault::at(self.source, node.span.from(), message))
    }

    fn spend(&mut self, node: &Node, leaves: usize) -> Lowers<()> {
        self.leaves = self.leaves.saturating_add(leaves);
        if self.leaves > LEAVES {
            return self.fault(node, format!("As a filter this has more than {LEAVES} comparisons: it is too large."));
        }
        Ok(())
    }

    fn known(&mut self, node: &'a Node) -> Lowers<Known<'a>> {
        let Some(closed) = &mut self.closed else {
            return Ok(match &node.kind {
                Kind::Constant(constant @ Constant::Json(_)) => Known::Value(Val::of_constant(constant)),
                _ => Known::Unknown,
            });
        };
        match closed.value(node) {
            Ok(value) => Ok(Known::Value(value)),
            Err(Stop::Error(_) | Stop::Need | Stop::Limited) => Ok(Known::Failed),
            Err(Stop::Exhausted(exhaustion)) => self.fault(node, exhaustion.describe()),
        }
    }

    fn condition(&mut self, node: &'a Node) -> Lowers<Filter> {
        if !node.open {
            return Ok(match self.known(node)? {
                Known::Unknown => unknown(),
                Known::Value(Val::Bool(true)) => Filter::True,
                Known::Value(Val::Bool(false)) => Filter::False,
                Known::Value(_) | Known::Failed => Filter::Error,
            });
        }
        match &node.kind {
            Kind::Not(of) => Ok(!self.condition(of)?),
            Kind::And(parts) => self.joined(parts, Join::And),
            Kind::Or(parts) => self.joined(parts, Join::Or),
            Kind::Ternary(parts) => self.ternary(node, parts),
            Kind::Equal { sides, negated } => {
                let equal = self.equality(node, sides)?;
                Ok(if *negated { !equal } else { equal })
            }
            Kind::Order(order, sides) => self.order(node, *order, sides),
            Kind::In(sides) => self.contained(node, sides),
            Kind::Has { of, name } => {
                let place = self.place(of)?.field(name);
                self.leaf(node, place, |place| Leaf::Has { place })
            }
            Kind::Text(test, sides) => self.text(node, *test, sides),
            Kind::Macro(of) => self.quantified(node, of),
            Kind::Exists { collection, id } => self.exists(node, collection, id),
            Kind::Select { .. } | Kind::Index(_) | Kind::Variable(_) => {
                let place = self.place(node)?;
                self.leaf(node, place, |place| Leaf::IsTrue { place })
            }
            _ => self.refuse(node),
        }
    }

    fn joined(&mut self, parts: &'a [Node], join: Join) -> Lowers<Filter> {
        let mut filters = Vec::with_capacity(parts.len());
        for part in parts {
            match self.condition(part) {
                Ok(Filter::False) if join == Join::And => return Ok(Filter::False),
                Ok(Filter::True) if join == Join::Or => return Ok(Filter::True),
                Ok(filter) => add(&mut filters, filter, join),
                // While the form is checked, all faults are wanted.
                Err(fault) if self.closed.is_none() => self.faults.push(fault),
                Err(fault) => return Err(fault),
            }
        }
        Ok(match join {
            Join::And => Filter::and(filters),
            Join::Or => Filter::or(filters),
        })
    }

    /// `c ? a : b`. An error of `c` is one of the whole, whatever the branches are; so
    /// `(c && a) || (!c && b) || (c && !c)`, whose last part is false or, with `c`, an error.
    fn ternary(&mut self, node: &'a Node, parts: &'a [Node; 3]) -> Lowers<Filter> {
        let [condition, if_true, if_false] = parts;
        let is_closed = !condition.open;
        let condition = self.condition(condition)?;
        match condition {
            Filter::True => return self.condition(if_true),
            Filter::False => return self.condition(if_false),
            Filter::Error => return Ok(Filter::Error),
            _ => {}
        }
        let if_true = self.condition(if_true)?;
        let if_false = self.condition(if_false)?;
        if is_closed {
            // Only its form is checked: one of the branches will be taken.
            return Ok(Filter::Or(vec![if_true, if_false]));
        }
        self.spend(node, 3 * count(&condition))?;
        Ok(Filter::or([
            Filter::and([condition.clone(), if_true]),
            Filter::and([!condition.clone(), if_false]),
            undefined(condition),
        ]))
    }
}

/// Stands for a part whose value is not known yet: it must not be folded away.
fn unknown() -> Filter {
    Filter::Leaf(Leaf::Has { place: Place::document(FieldPath::from_names(Vec::new())) })
}

/// False where the filter is true or false, an error where it is one.
fn undefined(filter: Filter) -> Filter {
    Filter::And(vec![filter.clone(), !filter])
}

fn count(filter: &Filter) -> usize {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().map(count).sum(),
        Filter::Not(inner) => count(inner),
        Filter::Leaf(Leaf::Any { filter, .. } | Leaf::All { filter, .. } | Leaf::Lookup { filter, .. }) => {
            1 + count(filter)
        }
        Filter::True | Filter::False | Filter::Error | Filter::Leaf(_) => 1,
    }
}

/// Adds a part to a conjunction or disjunction: an error stands once, and conditions on the same looked-up document are
/// asked together (where it is missing, all of them are errors).
fn add(filters: &mut Vec<Filter>, filter: Filter, join: Join) {
    if filter == Filter::Error && filters.contains(&Filter::Error) {
        return;
    }
    let Filter::Leaf(Leaf::Lookup { collection, id, filter }) = filter else {
        filters.push(filter);
        return;
    };
    for before in filters.iter_mut() {
        if let Filter::Leaf(Leaf::Lookup { collection: own, id: own_id, filter: inner }) = before
            && *own == collection
            && *own_id == id
        {
            let both = [std::mem::replace(&mut **inner, Filter::True), *filter];
            **inner = match join {
                Join::And => Filter::and(both),
                Join::Or => Filter::or(both),
            };
            return;
        }
    }
    filters.push(Filter::Leaf(Leaf::Lookup { collection, id, filter }));
}
