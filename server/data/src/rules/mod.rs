//! Who may do what: rules compiled from their texts, and the one authorisation that every path asks.
//!
//! Promises: no rule means no access; a rule that is an error denies; a document leaves only as [`Readable`], which
//! nothing outside of this room can make, so it has had its verdict and its fields are masked. Pure: what has to be
//! read is asked for by `Need`.

mod access;
mod authorize;
mod binding;
mod cases;
mod changed;
mod channel;
mod compiled;
mod facts;
mod function;
mod limiter;
mod lint;
mod readable;
mod simulate;
mod texts;
mod verdict;

pub use access::{Access, Reach, access, told_access};
pub use authorize::{ListGrant, ListVerdict, Operation, changed_fields};
pub use binding::Binding;
pub use cases::{CaseResult, Cases, CasesFormat};
pub use changed::AccessChange;
pub use channel::{ChannelOperation, ChannelRuleTexts, ChannelRules};
pub use compiled::{CompiledRules, FieldRules, operation_scope};
pub use facts::{FactLookups, Facts, NoFacts};
pub use function::InvokeRule;
pub use limiter::LIMIT_SPACE;
pub use lint::{Finding, FindingKind, Scans, is_open, lint};
pub use readable::{ReadVerdict, Readable, Revealed, Sees};
pub use simulate::{Simulated, Simulation, SimulationStep, Supposed};
pub use texts::{FieldRuleTexts, RuleOp, RuleText, RuleTexts};
pub use verdict::{Denial, DenialKind, Permit, Verdict};

#[cfg(test)]
mod asked;
#[cfg(test)]
mod tests;
