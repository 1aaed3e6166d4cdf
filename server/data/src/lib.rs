//! The rooms that everything stands on: definitions of collections, rules, documents, the change log and jobs, and the
//! manifest in which an app declares them.

pub mod changes;
pub mod channels;
pub mod collections;
mod declared;
pub mod documents;
pub mod events;
pub mod jobs;
pub mod manifest;
pub mod rules;

pub use declared::{Problems, Table, duration, size, wrong_type};
