//! What rules look at beside the document: other documents (`get`, `exists`) and token buckets.

use std::cell::OnceCell;
use std::sync::Arc;

use basalt_core::{CollectionName, Document, DocumentId};
use basalt_expr::{Found, Lookups};
use basalt_store::{Cell, CellKey, View};
use serde_json::Value;

/// The state that a verdict is given on. In both, `None` means: not read yet; `Some(None)`: not there.
///
/// A decision with several operations answers from its own overlay first, so that a later operation's rules see what
/// earlier ones wrote (documents, and the [`super::Permit::cells`] of earlier verdicts).
pub trait Facts {
    fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>>;
    fn cell(&self, key: &CellKey) -> Option<Option<&Cell>>;
}

impl Facts for View {
    fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>> {
        View::document(self, collection, id)
    }

    fn cell(&self, key: &CellKey) -> Option<Option<&Cell>> {
        View::cell(self, key)
    }
}

/// Nothing was read yet: every look-up is asked for.
pub struct NoFacts;

impl Facts for NoFacts {
    fn document(&self, _: &CollectionName, _: &DocumentId) -> Option<Option<&Arc<Document>>> {
        None
    }

    fn cell(&self, _: &CellKey) -> Option<Option<&Cell>> {
        None
    }
}

/// `get()` and `exists()` on [`Facts`]. System collections have nothing to find, whatever a rule names.
pub struct FactLookups<'a> {
    facts: &'a dyn Facts,
    /// The documents found so far in their flat form; an expression names ten at most.
    flat: OnceCell<Box<Flat>>,
}

struct Flat {
    document: Arc<Document>,
    value: Value,
    next: OnceCell<Box<Flat>>,
}

impl<'a> FactLookups<'a> {
    pub fn new(facts: &'a dyn Facts) -> Self {
        Self { facts, flat: OnceCell::new() }
    }

    fn flat(&self, document: &Arc<Document>) -> &Value {
        let mut place = &self.flat;
        loop {
            let node = place.get_or_init(|| {
                let value = Value::Object(document.to_flat());
                Box::new(Flat { document: Arc::clone(document), value, next: OnceCell::new() })
            });
            if Arc::ptr_eq(&node.document, document) {
                return &node.value;
            }
            place = &node.next;
        }
    }
}

impl Lookups for FactLookups<'_> {
    fn find(&self, collection: &CollectionName, id: &DocumentId) -> Found<'_> {
        if collection.is_system() {
            return Found::Missing;
        }
        match self.facts.document(collection, id) {
            None => Found::Unknown,
            Some(None) => Found::Missing,
            Some(Some(document)) => Found::Document(self.flat(document)),
        }
    }
}
