//! Compiled expressions and what is done with them.

use std::fmt;
use std::sync::Arc;

use basalt_core::filter::Filter;
use basalt_core::{CollectionName, DocumentId, FieldPath};

use crate::check::{any_of, check};
use crate::env::Env;
use crate::eval::{Evaluator, Stop, Unwatched, Watch};
use crate::fault::Fault;
use crate::parse::parse;
use crate::prospects::Prospects;
use crate::scope::{FieldTypes, Scope};
use crate::trace::{Trace, TraceStep};
use crate::tree::Node;
use crate::{fields, lower, prospects};

/// A compiled expression; cheap to clone.
#[derive(Clone)]
pub struct Expression {
    inner: Arc<Inner>,
}

struct Inner {
    source: String,
    root: Node,
}

/// The result of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    True,
    False,
    /// Neither: denies. The reason is for logs and the simulator.
    Error(String),
    /// These documents have to be read first.
    Need(Vec<(CollectionName, DocumentId)>),
    /// A `limit()` had no token left, and with one the condition could have been true.
    Limited,
}

/// The result of lowering under an environment.
#[derive(Clone, Debug)]
pub enum Lowered {
    Filter(Filter),
    /// These documents have to be read first.
    Need(Vec<(CollectionName, DocumentId)>),
}

impl Expression {
    /// Parses and checks. The result has to be a condition (a boolean, where that is known).
    pub fn compile(source: &str, scope: &Scope, types: &dyn FieldTypes) -> Result<Self, Vec<Fault>> {
        let parsed = parse(source).map_err(|fault| vec![fault])?;
        let root = check(&parsed, scope, types)?;
        if scope.lowered {
            let faults = lower::check(source, &root);
            if !faults.is_empty() {
                return Err(faults);
            }
        }
        Ok(Self { inner: Arc::new(Inner { source: source.to_owned(), root }) })
    }

    /// `(guard) && (condition) || …`, of branches that are each within the limits of an expression; of one branch, and
    /// not of none. `None` where one of them has faults, which compiling it by itself tells.
    pub fn any_of(branches: &[(String, &str)], scope: &Scope, types: &dyn FieldTypes) -> Option<Self> {
        let mut source = String::new();
        let mut nodes = Vec::with_capacity(branches.len());
        for (guard, condition) in branches {
            source.push_str(if source.is_empty() { "(" } else { " ||\n(" });
            let guard = append(&mut source, guard, scope, types)?;
            source.push_str(") && (");
            let condition = append(&mut source, condition, scope, types)?;
            source.push(')');
            nodes.push([guard, condition]);
        }
        let root = any_of(nodes, source.len());
        let whole = !branches.is_empty() && (!scope.lowered || lower::check(&source, &root).is_empty());
        whole.then(|| Self { inner: Arc::new(Inner { source, root }) })
    }

    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// Evaluates as a condition: three-valued, at most [`basalt_core::limits::EXPRESSION_STEPS`] steps.
    pub fn evaluate(&self, env: &Env<'_>) -> Outcome {
        self.run(env, Unwatched).0
    }

    /// Evaluates and says, for each node, what it was and why.
    pub fn trace(&self, env: &Env<'_>) -> (Outcome, Vec<TraceStep>) {
        let (outcome, trace) = self.run(env, Trace::new(&self.inner.source));
        (outcome, trace.steps)
    }

    /// What the condition can come to, whatever stands for the names that have no value in `env` (documents, the request)
    /// and whatever look-ups find.
    pub fn prospects(&self, env: &Env<'_>) -> Prospects {
        prospects::of(&self.inner.root, env)
    }

    fn run<'a, W: Watch<'a>>(&'a self, env: &Env<'a>, watch: W) -> (Outcome, W) {
        let mut evaluator = Evaluator::new(*env, watch);
        let result = evaluator.condition(&self.inner.root);
        let (needs, watch) = evaluator.finish();
        let outcome = match result {
            Ok(true) => Outcome::True,
            Ok(false) => Outcome::False,
            Err(Stop::Error(failure)) => Outcome::Error(failure.describe(&self.inner.source)),
            Err(Stop::Need) => Outcome::Need(needs),
            Err(Stop::Limited) => Outcome::Limited,
            Err(Stop::Exhausted(exhaustion)) => Outcome::Error(exhaustion.describe()),
        };
        (outcome, watch)
    }

    /// Folds everything but `doc` (which is left open) and lowers the rest. `Filter::True`: no condition is left;
    /// `Filter::False` and `Filter::Error`: nothing can match.
    ///
    /// A fault here is one that only the bound values show (say, a list in `vars` where a scalar has to be).
    pub fn lower(&self, env: &Env<'_>) -> Result<Lowered, Fault> {
        let lowered = lower::lower(&self.inner.source, &self.inner.root, env)?;
        Ok(lowered.map_or_else(Lowered::Need, Lowered::Filter))
    }

    /// The paths of `doc` that the expression reads, for field rules and the linter (`doc.a.b` gives `a.b`;
    /// the bare `doc`, or `doc[x]` with an `x` that isn't constant, gives `None`: all of it).
    pub fn doc_fields(&self) -> Option<Vec<FieldPath>> {
        fields::doc_fields(&self.inner.root)
    }

    /// Fields of `doc` that are compared by `==` with a value from elsewhere, tested by `in`, or stand as conditions
    /// themselves: deployed rules give them key columns.
    pub fn equality_fields(&self) -> Vec<FieldPath> {
        fields::equality_fields(&self.inner.root)
    }

    /// Lists of `doc` that are asked by `x in doc.list` or `doc.list.exists(e, e == x)`: these get a `contains` index.
    pub fn contains_fields(&self) -> Vec<FieldPath> {
        fields::contains_fields(&self.inner.root)
    }

    /// The places in `auth` that it reads, and the texts that stand in it: of them the linter makes somebody who has
    /// whatever the expression asks for.
    pub fn auth_paths(&self) -> Vec<Vec<String>> {
        fields::auth_paths(&self.inner.root)
    }

    /// See [`Expression::auth_paths`].
    pub fn texts(&self) -> Vec<&str> {
        fields::texts(&self.inner.root)
    }

    /// Points of `doc` whose distance from another is asked for: deployed list rules give them geo indexes.
    pub fn distance_fields(&self) -> Vec<FieldPath> {
        fields::distance_fields(&self.inner.root)
    }

    /// The collections whose documents it looks up.
    pub fn looked_up(&self) -> Vec<&CollectionName> {
        fields::looked_up(&self.inner.root)
    }

    /// Which names it uses at all: `auth`, `request`, `doc`, `next`, `vars`, `params`, `event`, `data`.
    pub fn names(&self) -> Vec<&str> {
        fields::names(&self.inner.root)
    }
}

/// A part of a source that is put together, as it stands there.
fn append(source: &mut String, part: &str, scope: &Scope, types: &dyn FieldTypes) -> Option<Node> {
    let mut node = check(&parse(part).ok()?, scope, types).ok()?;
    node.shift(source.len());
    source.push_str(part);
    Some(node)
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.inner.source).finish()
    }
}
