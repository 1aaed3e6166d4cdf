//! The rooms that everything stands on: definitions of collections, rules, documents, the change log and jobs.

pub mod changes;
pub mod collections;
pub mod documents;
pub mod jobs;
pub mod rules;
