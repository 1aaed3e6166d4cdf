//! Live queries, as far as documents know them: what a caller may watch, what of a document he is shown, where it
//! stands in his result, and the result as of one place in the log.
//!
//! A [`Watched`] is decided once, with the caller's rights as they then are; from then on documents are judged in
//! memory, without him. Whoever holds one has to know when it stops being true: it says what it depends on.

mod place;
mod query;
mod take;
mod watch;

pub use query::{WatchQuery, WatchTarget};
pub use take::{LiveRow, RESULT_MOST, Taken, too_large};
pub use watch::{Identity, Shown, Watched};
