//! Built-in collections: rooms declare what they keep as documents, handed in when the server is assembled.

use std::collections::BTreeMap;

use basalt_core::CollectionName;
use basalt_store::IndexSpec;

use crate::rules::RuleOp;

/// A collection that a room owns. Its name begins with `_` when no generic door names it.
#[derive(Clone, Debug)]
pub struct Builtin {
    pub name: CollectionName,
    /// Indexes that the room itself needs; an app may ask for more.
    pub indexes: Vec<IndexSpec>,
    /// The server's fields: no generic door changes them.
    pub owned_fields: Vec<String>,
    /// Who reads owned fields where no field rule of the app says otherwise.
    pub owned_read: OwnedRead,
    /// The operations that an app may rule; the others are the room's alone.
    pub ruled: Vec<RuleOp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedRead {
    Nobody,
    /// Who reads the document.
    Reader,
    /// Whom this rule allows.
    Rule(String),
}

/// All built-in collections of this server.
#[derive(Clone, Debug, Default)]
pub struct Builtins(BTreeMap<CollectionName, Builtin>);

impl Builtins {
    pub fn new(builtins: impl IntoIterator<Item = Builtin>) -> Self {
        Self(builtins.into_iter().map(|builtin| (builtin.name.clone(), builtin)).collect())
    }

    pub fn get(&self, name: &CollectionName) -> Option<&Builtin> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Builtin> {
        self.0.values()
    }
}
