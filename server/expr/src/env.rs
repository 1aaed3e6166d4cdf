//! Values for an expression's names, and the ports through which look-ups and limits are asked.

use std::time::Duration;

use basalt_core::{CollectionName, DocumentId, Timestamp};
use serde_json::Value;

use crate::doc::Doc;

/// Values for the names. `None` where the name is not in scope.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// `null` for a visitor: then `auth.id` is an error.
    pub auth: &'a Value,
    pub request: Option<&'a RequestValues>,
    pub doc: Option<Doc<'a>>,
    pub next: Option<Doc<'a>>,
    pub vars: Option<&'a Value>,
    pub params: Option<&'a Value>,
    /// `event` and `data`.
    pub message: Option<MessageValues<'a>>,
    /// What a function is called with.
    pub input: Option<&'a Value>,
    pub lookups: &'a dyn Lookups,
    /// Without one, `limit()` is an error.
    pub limiter: Option<&'a dyn Limiter>,
}

impl<'a> Env<'a> {
    /// A visitor, and nothing else bound.
    pub fn empty() -> Self {
        Self {
            auth: &Value::Null,
            request: None,
            doc: None,
            next: None,
            vars: None,
            params: None,
            message: None,
            input: None,
            lookups: &NoLookups,
            limiter: None,
        }
    }

    /// A visitor who sees a document.
    pub fn of_document(doc: impl Into<Doc<'a>>) -> Self {
        Self { doc: Some(doc.into()), ..Self::empty() }
    }
}

/// A message that is to be published.
#[derive(Clone, Copy)]
pub struct MessageValues<'a> {
    /// A text.
    pub event: &'a Value,
    pub data: &'a Value,
}

/// `request` in expressions.
#[derive(Clone, Debug)]
pub struct RequestValues {
    pub id: String,
    pub time: Timestamp,
    pub ip: Option<String>,
    pub method: String,
}

/// What `get()` and `exists()` find.
pub trait Lookups {
    fn find(&self, collection: &CollectionName, id: &DocumentId) -> Found<'_>;
}

pub enum Found<'a> {
    /// Not read yet: the evaluation stops with [`crate::Outcome::Need`].
    Unknown,
    Missing,
    Document(&'a Value),
}

/// For expressions without look-ups.
pub struct NoLookups;

impl Lookups for NoLookups {
    fn find(&self, _: &CollectionName, _: &DocumentId) -> Found<'_> {
        Found::Missing
    }
}

/// The token buckets behind `limit()`. An implementation takes at most one token per operation and name, however often
/// the expression is evaluated.
pub trait Limiter {
    /// Whether a token was there.
    fn take(&self, name: &str, capacity: u32, period: Duration) -> bool;
}
