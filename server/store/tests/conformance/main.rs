//! What the store promises, on both engines. A room's promises are in the file of its name; `common` has the small
//! decisions that they are put to the test with.

#![allow(clippy::disallowed_methods, reason = "tests are the outside: a task ends with the test that started it")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on fails")]

mod building;
mod catalog;
mod cells;
mod changes;
mod commit;
mod common;
mod faults;
mod holders;
mod inspect;
mod jobs;
mod nodes;
mod opening;
mod query;
mod query_expressions;
mod reads;
mod records;
mod search;
mod search_oracle;
