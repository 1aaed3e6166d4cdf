//! A document as `doc` and `next` stand for it: flat, and made so only when an expression looks at more than its fields.

use std::cell::OnceCell;

use basalt_core::Document;
use basalt_core::document::OWN_FIELDS;
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug)]
pub enum Doc<'a> {
    /// Flat already.
    Flat(&'a Value),
    Stored(&'a Document, &'a Flat),
}

/// The place for a document's flat form.
#[derive(Debug, Default)]
pub struct Flat(OnceCell<Value>);

impl Flat {
    /// One document's alone.
    pub fn of<'a>(&'a self, document: &'a Document) -> Doc<'a> {
        Doc::Stored(document, self)
    }
}

impl<'a> Doc<'a> {
    /// All of it, flat.
    pub fn whole(self) -> &'a Value {
        match self {
            Self::Flat(value) => value,
            Self::Stored(document, flat) => flat.0.get_or_init(|| Value::Object(document.to_flat())),
        }
    }

    /// A top-level field.
    pub fn get(self, field: &str) -> Option<&'a Value> {
        self.holder(field)?.get(field)
    }

    /// The object in which a field of this name is, if it is anywhere. `None` of what isn't an object.
    pub(crate) fn holder(self, field: &str) -> Option<&'a Map<String, Value>> {
        match self {
            Self::Stored(document, _) if !OWN_FIELDS.contains(&field) => Some(&document.data),
            other => other.whole().as_object(),
        }
    }
}

impl<'a> From<&'a Value> for Doc<'a> {
    fn from(flat: &'a Value) -> Self {
        Self::Flat(flat)
    }
}
