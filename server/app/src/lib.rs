//! The rooms above documents: who may come in (auth, keys, operators) and what was done (audit).
//!
//! No HTTP and no SQL. Each room stands on the store and on `data`, and on no sibling; what several need is in
//! [`common`], and [`principals`] puts the ways of proving who one is behind one door.

pub mod audit;
pub mod auth;
mod builtins;
pub mod common;
pub mod deployments;
pub mod files;
pub mod functions;
pub mod host;
pub mod keys;
pub mod operators;
pub mod principals;
pub mod realtime;
pub mod schedules;
pub mod triggers;
pub mod webhooks;

pub use builtins::{behaviours, builtins};
pub use common::{Db, Device, Live, MasterSecret, PasswordCost, Passwords, Secret};
pub use principals::Principals;
