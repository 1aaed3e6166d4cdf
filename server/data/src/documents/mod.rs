//! Documents: create, read, query, aggregate and transactions, under rules.
//!
//! Promises: every write is decided by pure code on exactly the state that its commit changes (precondition, condition,
//! patch, schema, protected fields, rule, field rules, unique values, in this order); nothing leaves without the
//! verdict of the rules; lists are filtered by the database alone.

mod aggregate;
mod aggregate_query;
mod answer;
mod behaviour;
pub mod built_in;
mod cursor;
mod decision;
mod definitions;
mod expire;
mod explain;
mod export;
mod filter;
mod gather;
mod get;
mod gzip;
mod having;
mod history;
mod hooks;
mod idempotency;
mod import;
mod input;
mod list;
pub mod live;
mod nearest;
mod patch;
mod present;
mod reads;
mod references;
mod run;
mod search;
mod service;
mod sort;
mod state;
mod traced;
mod transaction;
mod write;

pub use aggregate_query::AggregateQuery;
pub use answer::{Aggregated, Fetched, Listed, ListedPage, ListedTexts, Shown, Transacted, WriteKind, Written};
pub use behaviour::{Behaviour, Behaviours, BuiltInWrite, Extra, Reaction, UsersBehaviour};
pub use explain::Explained;
pub use export::Export;
pub use gzip::{Unzip, Zip};
pub use history::{HistoryPage, Version, history_collection};
pub use hooks::{BeforeWrite, HookFuture, Hooks, NoHooks, Verdict};
pub use idempotency::{IDEMPOTENCY_SPACE, claim as idempotency_claim};
pub use import::{Failure, Import, ImportMode, ImportOptions, Incoming, Intake, IntakeFuture, Summary};
pub use input::{Condition, CountMode, EntityTags, Idempotency, ListQuery, PatchBody, Show, WriteOptions, split_names};
pub use nearest::NearestTo;
pub use present::Shape;
pub use references::{RELEASE, Release};
pub use service::{Documents, Parts};
pub use write::Given;
