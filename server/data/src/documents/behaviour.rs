//! What a built-in collection does when a generic door writes to it. The room that owns the collection implements it.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{Caller, ChangeOp, Code, CollectionName, Document, Error, Result};
use basalt_store::{CellWrite, DocumentWrite, NewJob, Read};

use crate::rules::Facts;

/// One write of a document of a built-in collection, allowed by its rules.
#[derive(Clone, Copy, Debug)]
pub enum BuiltInWrite<'a> {
    Create { next: &'a Document },
    Update { doc: &'a Document, next: &'a Document },
    Delete { doc: &'a Document },
}

/// What else belongs into the batch of the write.
#[derive(Debug, Default)]
pub struct Extra {
    /// Of collections of the room itself.
    pub documents: Vec<DocumentWrite>,
    pub cells: Vec<CellWrite>,
    pub jobs: Vec<NewJob>,
}

pub enum Reaction {
    Go(Extra),
    /// Undecided until these are read.
    Need(Vec<Read>),
    Refuse(Error),
}

/// Pure, like every part of a decision: it may be asked several times for one write.
pub trait Behaviour: Send + Sync {
    /// Whether generic doors may do this at all; the error says which door does.
    fn permits(&self, op: ChangeOp) -> Result<()>;

    fn react(&self, caller: &Caller, write: BuiltInWrite<'_>, facts: &dyn Facts) -> Reaction;
}

/// The behaviours of the built-in collections.
#[derive(Clone, Default)]
pub struct Behaviours(BTreeMap<CollectionName, Arc<dyn Behaviour>>);

impl Behaviours {
    pub fn new(behaviours: impl IntoIterator<Item = (CollectionName, Arc<dyn Behaviour>)>) -> Self {
        Self(behaviours.into_iter().collect())
    }

    /// A built-in collection whose room said nothing is written to by no generic door.
    pub(crate) fn of(&self, collection: &CollectionName) -> &dyn Behaviour {
        self.0.get(collection).map_or(&Closed, |behaviour| &**behaviour)
    }
}

/// Nothing is written by generic doors.
struct Closed;

impl Behaviour for Closed {
    fn permits(&self, _: ChangeOp) -> Result<()> {
        Err(Error::new(Code::Forbidden, "Documents of this collection are written by the server alone."))
    }

    fn react(&self, _: &Caller, _: BuiltInWrite<'_>, _: &dyn Facts) -> Reaction {
        Reaction::Go(Extra::default())
    }
}

/// `users`: their own fields are changed like any document's; users come and go by other doors.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsersBehaviour;

impl Behaviour for UsersBehaviour {
    fn permits(&self, op: ChangeOp) -> Result<()> {
        let detail = match op {
            ChangeOp::Update => return Ok(()),
            ChangeOp::Create => "Users are created by signing up, or by /v1/admin/users.",
            ChangeOp::Delete => "Users are deleted by DELETE /v1/auth/me, or by /v1/admin/users.",
        };
        Err(Error::new(Code::Forbidden, detail))
    }

    fn react(&self, _: &Caller, _: BuiltInWrite<'_>, _: &dyn Facts) -> Reaction {
        Reaction::Go(Extra::default())
    }
}
