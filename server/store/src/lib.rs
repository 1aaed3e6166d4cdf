//! SQL, and the only crate that knows it: collections, documents, the change log, jobs, cells and records, on SQLite
//! (rusqlite on threads of its own) and on PostgreSQL (sqlx), behind one interface.
//!
//! The way of a write is [`Decide`]: pure code that reads a [`View`] and says what to write. The store owns the loop,
//! the group, the commit and the log.

pub mod catalog;
mod changes;
mod commit;
pub mod decide;
mod define;
mod dialect;
mod driver;
mod fill;
pub mod jobs;
mod keys;
mod known;
mod maintenance;
mod migrate;
mod postgres;
pub mod query;
mod readers;
mod recent;
pub mod records;
mod search;
mod shared;
mod sieve;
pub mod signals;
pub mod sql;
mod sqlite;
mod store;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use catalog::{Catalog, CatalogChange, Collection, Index, IndexKind, IndexSpec, IndexState};
pub use changes::{LogOf, LogPage, LogRead};
pub use decide::{
    Cell, CellKey, CellWrite, Committed, Decide, DocumentWrite, HeldAs, NewJob, Origin, Read, Step, View, Writes,
};
pub use maintenance::LogLimits;
pub use migrate::{Examined, SchemaPlan};
pub use query::{Access, Branch, Explanation, explain, has_point};
pub use query::{
    Aggregate, AggregatePage, Count, GroupKey, Keyset, List, Measure, MeasureOp, Near, NearPage, Nearest, NearestPage,
    Page, Search, SortField,
};
pub use readers::{DurableReader, LogStats, READERS_SPACE};
pub use store::{Engine, Options, Store};
