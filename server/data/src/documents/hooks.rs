//! The port for before-hooks: code of the app that may change or refuse a write.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use basalt_core::{Caller, ChangeOp, CollectionName, Document, DocumentId, Result};
use serde_json::{Map, Value};

/// One write that is about to be decided.
#[derive(Clone, Debug)]
pub struct BeforeWrite {
    pub op: ChangeOp,
    pub collection: CollectionName,
    pub id: DocumentId,
    /// As stored when the hook is asked; `None` for a create.
    pub doc: Option<Arc<Document>>,
    /// The user's fields as they would be; `None` for a delete.
    pub next: Option<Map<String, Value>>,
}

/// What a hook made of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Goes on as it was.
    Unchanged,
    /// Goes on with these fields, which are decided on anew: schema, rules, and that the document is still the one
    /// that the hook saw.
    Replaced(Map<String, Value>),
}

pub type HookFuture<'a> = Pin<Box<dyn Future<Output = Result<Verdict>> + Send + 'a>>;

/// Asked before a write is decided, outside of any transaction; an error refuses the write.
pub trait Hooks: Send + Sync {
    /// Whether there is a hook for this at all: where there is none, writes don't wait.
    fn concerns(&self, collection: &CollectionName, op: ChangeOp) -> bool;

    fn before<'a>(&'a self, caller: &'a Caller, write: BeforeWrite) -> HookFuture<'a>;
}

/// No hooks.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {
    fn concerns(&self, _: &CollectionName, _: ChangeOp) -> bool {
        false
    }

    fn before<'a>(&'a self, _: &'a Caller, _: BeforeWrite) -> HookFuture<'a> {
        Box::pin(std::future::ready(Ok(Verdict::Unchanged)))
    }
}
