//! The trail that changes by operators and services leave, written in the very batch of the change.

use basalt_core::{Caller, DocumentId, Principal, Result};
use basalt_store::Read;
use serde_json::{Map, Value, json};

use super::names::AUDIT;
use super::{Db, Flow, Tx};

/// One change, as the audit log tells it. Holds no secret: who makes one leaves them out.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `users.update`, `keys.create` and so on.
    pub action: &'static str,
    /// What kind of thing was changed, and which.
    pub target: (&'static str, String),
    pub before: Option<Map<String, Value>>,
    pub after: Option<Map<String, Value>>,
}

/// Where an entry goes, drawn before the decision.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    id: DocumentId,
    caller: Caller,
}

impl Trail {
    pub(crate) fn new(db: &Db, caller: &Caller) -> Self {
        Self { id: db.new_id(), caller: caller.clone() }
    }

    /// With a mark before its id, by which those who follow the log know what it is about: the bodies of system
    /// collections are not in it.
    pub(crate) fn marked(db: &Db, caller: &Caller, mark: &str) -> Result<Self> {
        let id = DocumentId::parse(&format!("{mark}{}", db.new_id()))?;
        Ok(Self { id, caller: caller.clone() })
    }

    /// What a note reads first.
    pub(crate) fn read(&self) -> Read {
        Read::Document { collection: AUDIT.clone(), id: self.id.clone() }
    }

    /// Users are no part of the trail: what they do to themselves is in the change log.
    pub(crate) fn note(&self, tx: &mut Tx<'_>, entry: Entry) -> Flow<()> {
        if matches!(self.caller.principal, Principal::User(_) | Principal::Visitor) {
            return Ok(());
        }
        let (kind, id) = entry.target;
        let mut data = Map::new();
        data.insert("actor".into(), json!(self.caller.actor()));
        data.insert("action".into(), entry.action.into());
        data.insert("target".into(), json!({ "type": kind, "id": id }));
        data.insert("requestId".into(), self.caller.request.id.as_str().into());
        if let Some(ip) = self.caller.request.ip {
            data.insert("ip".into(), ip.to_string().into());
        }
        if let Some(before) = entry.before {
            data.insert("before".into(), before.into());
        }
        if let Some(after) = entry.after {
            data.insert("after".into(), after.into());
        }
        tx.create(&AUDIT, &self.id, data)?;
        Ok(())
    }
}
