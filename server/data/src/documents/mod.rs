//! Documents: create, read, query, aggregate and transactions, under rules.
//!
//! Promises: every write is decided by pure code on exactly the state that its commit changes (precondition, condition,
//! patch, schema, protected fields, rule, field rules, unique values, in this order); nothing leaves without the
//! verdict of the rules; lists are filtered by the database alone.

mod aggregate_query;
mod answer;
mod hooks;
mod input;

use basalt_core::{Caller, CollectionName, DocumentId, Result};
use serde_json::{Map, Value};

pub use aggregate_query::{AggregateQuery, GroupKey};
pub use answer::{Aggregated, Fetched, Listed, Transacted, WriteKind, Written};
pub use hooks::{BeforeWrite, HookFuture, Hooks, NoHooks, Verdict};
pub use input::{
    Condition, CountMode, EntityTags, Idempotency, ListQuery, PatchBody, WriteOptions, not_available, split_names,
};

/// The use cases; cheap to clone.
#[derive(Clone)]
pub struct Documents {}

impl Documents {
    /// A new document. A body's `id` is the client's choice; the server's other fields in it are ignored.
    pub async fn create(
        &self,
        _caller: &Caller,
        _collection: &CollectionName,
        _body: Map<String, Value>,
        _options: WriteOptions,
    ) -> Result<Written> {
        unimplemented!()
    }

    /// One document; 404 also where the caller may not read it.
    pub async fn get(
        &self,
        _caller: &Caller,
        _collection: &CollectionName,
        _id: &DocumentId,
        _select: Option<&[String]>,
    ) -> Result<Fetched> {
        unimplemented!()
    }

    /// Creates or replaces.
    pub async fn put(
        &self,
        _caller: &Caller,
        _collection: &CollectionName,
        _id: &DocumentId,
        _body: Map<String, Value>,
        _options: WriteOptions,
    ) -> Result<Written> {
        unimplemented!()
    }

    pub async fn patch(
        &self,
        _caller: &Caller,
        _collection: &CollectionName,
        _id: &DocumentId,
        _patch: PatchBody,
        _options: WriteOptions,
    ) -> Result<Written> {
        unimplemented!()
    }

    pub async fn delete(
        &self,
        _caller: &Caller,
        _collection: &CollectionName,
        _id: &DocumentId,
        _options: WriteOptions,
    ) -> Result<Written> {
        unimplemented!()
    }

    /// The documents that the caller may list and that match, in order.
    pub async fn query(&self, _caller: &Caller, _collection: &CollectionName, _query: ListQuery) -> Result<Listed> {
        unimplemented!()
    }

    pub async fn aggregate(
        &self,
        _caller: &Caller,
        _collection: &CollectionName,
        _query: AggregateQuery,
    ) -> Result<Aggregated> {
        unimplemented!()
    }

    /// `{"operations":[…]}`, all or nothing. A failure is the failing operation's own, with the extension
    /// `operation`: its index, from 0.
    pub async fn transaction(
        &self,
        _caller: &Caller,
        _body: Map<String, Value>,
        _idempotency: Option<Idempotency>,
    ) -> Result<Transacted> {
        unimplemented!()
    }
}
