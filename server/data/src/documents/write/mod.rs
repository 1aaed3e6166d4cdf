//! Writes: operations as they are asked for, and the pure decision on each of them.

mod answer;
mod check;
mod conform;
mod create;
mod delete;
mod execute;
mod operation;
mod sight;
mod update;

pub(crate) use conform::conform;
pub(crate) use create::draft;
pub(crate) use execute::execute;
pub use operation::Given;
pub(crate) use operation::{Act, Context, Draft, Effect, EffectKind, Operation, Pin, Prepared};
