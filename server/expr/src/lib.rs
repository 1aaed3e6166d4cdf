//! CEL expressions: parsed by the `cel` crate, checked, and lowered to our own small tree; evaluated over JSON, folded
//! to what the caller leaves open, and lowered to a [`basalt_core::filter::Filter`] that the store prints as SQL.
//!
//! Pure: no I/O. Documents that `get()` and `exists()` name are asked for by [`Outcome::Need`].

use std::time::Duration;

use basalt_core::filter::Filter;
use basalt_core::{CollectionName, DocumentId, FieldPath, Timestamp};
use serde_json::Value;

/// The names that an expression may use. What is not in scope is a compile-time fault.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub auth: bool,
    pub request: bool,
    pub doc: bool,
    pub next: bool,
    /// `vars.x`: values bound beside the expression.
    pub vars: bool,
    /// `params.x`: what a pattern captured (channels).
    pub params: bool,
    /// A bare name that is nothing else means `doc.name` (filters).
    pub bare_fields: bool,
    /// `get(collection, id)` and `exists(collection, id)`.
    pub lookups: bool,
    /// `unchanged('field', …)`; needs `doc` and `next`.
    pub unchanged: bool,
    /// `limit('name', count, duration)`.
    pub limit: bool,
    /// The expression has to have an exact SQL form (list rules and filters): see [`Expression::lower`].
    pub lowered: bool,
}

/// What is declared about a collection's fields.
pub trait FieldTypes {
    /// Whether the field is stored as a UTC time text (`format: date-time`, `createdAt`, `updatedAt`, the TTL field).
    fn is_time(&self, path: &FieldPath) -> bool;
}

/// No field but `createdAt` and `updatedAt` is declared.
pub struct Undeclared;

impl FieldTypes for Undeclared {
    fn is_time(&self, path: &FieldPath) -> bool {
        matches!(path.names(), [name] if name == "createdAt" || name == "updatedAt")
    }
}

/// A fault of an expression's text. `line` and `column` count from 1 (columns in code points).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: u32,
    pub column: u32,
    pub message: String,
}

/// A compiled expression; cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {}

/// Values for the names. `None` where the name is not in scope.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// `null` for a visitor: then `auth.id` is an error.
    pub auth: &'a Value,
    pub request: Option<&'a RequestValues>,
    /// Flat documents.
    pub doc: Option<&'a Value>,
    pub next: Option<&'a Value>,
    pub vars: Option<&'a Value>,
    pub params: Option<&'a Value>,
    pub lookups: &'a dyn Lookups,
    pub limiter: Option<&'a dyn Limiter>,
}

/// `request` in expressions.
#[derive(Clone, Debug)]
pub struct RequestValues {
    pub id: String,
    pub time: Timestamp,
    pub ip: Option<String>,
    pub method: String,
}

/// What `get()` and `exists()` find.
pub trait Lookups {
    fn find(&self, collection: &CollectionName, id: &DocumentId) -> Found<'_>;
}

pub enum Found<'a> {
    /// Not read yet: the evaluation stops with [`Outcome::Need`].
    Unknown,
    Missing,
    Document(&'a Value),
}

/// For expressions without look-ups.
pub struct NoLookups;

impl Lookups for NoLookups {
    fn find(&self, _: &CollectionName, _: &DocumentId) -> Found<'_> {
        Found::Missing
    }
}

/// The token buckets behind `limit()`. An implementation takes at most one token per operation and name, however often
/// the expression is evaluated.
pub trait Limiter {
    /// Whether a token was there.
    fn take(&self, name: &str, capacity: u32, period: Duration) -> bool;
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
    /// A `limit()` had no token left.
    Limited,
}

/// One node of an evaluation, for the simulator: the source's bytes `from..to`, its value (or `None` for an error) and
/// why.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TraceStep {
    pub from: usize,
    pub to: usize,
    pub value: Option<Value>,
    pub why: String,
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
    pub fn compile(_source: &str, _scope: &Scope, _types: &dyn FieldTypes) -> Result<Self, Vec<Fault>> {
        unimplemented!()
    }

    pub fn source(&self) -> &str {
        unimplemented!()
    }

    /// Evaluates as a condition: three-valued, at most [`basalt_core::limits::EXPRESSION_STEPS`] steps.
    pub fn evaluate(&self, _env: &Env<'_>) -> Outcome {
        unimplemented!()
    }

    /// Evaluates and says, for each node, what it was and why.
    pub fn trace(&self, _env: &Env<'_>) -> (Outcome, Vec<TraceStep>) {
        unimplemented!()
    }

    /// Folds everything but `doc` (which is left open) and lowers the rest. `Filter::True`: no condition is left;
    /// `Filter::False` and `Filter::Error`: nothing can match.
    ///
    /// A fault here is one that only the bound values show (say, a list in `vars` where a scalar has to be).
    pub fn lower(&self, _env: &Env<'_>) -> Result<Lowered, Fault> {
        unimplemented!()
    }

    /// The paths of `doc` that the expression reads, for field rules and the linter (`doc.a.b` gives `a.b`;
    /// the bare `doc`, or `doc[x]` with an `x` that isn't constant, gives `None`: all of it).
    pub fn doc_fields(&self) -> Option<Vec<FieldPath>> {
        unimplemented!()
    }

    /// Which names it uses at all: `auth`, `doc`, `next`, `request`, `vars`, `params`.
    pub fn names(&self) -> Vec<&str> {
        unimplemented!()
    }
}
