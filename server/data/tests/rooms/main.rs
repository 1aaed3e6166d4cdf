//! The rooms `collections`, `changes` and `jobs` on real databases, both engines.

mod changes;
mod collections;
mod jobs;
mod world;
