//! CEL expressions: parsed by the `cel` crate, checked, and lowered to our own small tree; evaluated over JSON, folded
//! to what the caller leaves open, and lowered to a [`basalt_core::filter::Filter`] that the store prints as SQL.
//!
//! Pure: no I/O. Documents that `get()` and `exists()` name are asked for by [`Outcome::Need`].
//!
//! Where the semantics differ from CEL's, they follow from what documents are. JSON has one kind of numbers, so `3` and
//! `3.0` are the same stored value: integers and floats mix in arithmetic, and what leaves the range of `i64`, or isn't
//! finite, is an error. Maps have text keys and are no range of a macro. A timestamp or duration is equal or unequal to
//! its like only; beside any other value `==` is an error. Ordering is within numbers, texts, timestamps and durations.

mod check;
mod doc;
mod env;
mod eval;
mod expression;
mod fault;
mod fields;
mod lower;
mod parse;
mod prospects;
mod scope;
#[cfg(feature = "testkit")]
pub mod testkit;

mod trace;
mod tree;
mod types;

pub use doc::{Doc, Flat};
pub use env::{Env, Found, Limiter, Lookups, MessageValues, NoLookups, RequestValues};
pub use expression::{Expression, Lowered, Outcome};
pub use fault::Fault;
pub use prospects::Prospects;
pub use scope::{FieldTypes, Scope, Undeclared};
pub use trace::TraceStep;
