//! Users as operators and services manage them (`/v1/admin/users`); lists are lists of the documents of `users`.

mod create;
mod update;

use std::sync::Arc;

use basalt_core::principal::Access;
use basalt_core::{Caller, Code, Document, DocumentId, Error, Result, Seq};
use serde_json::{Map, Value, json};

pub use create::NewUser;
pub use update::UserChange;

use super::{Auth, SessionInfo, account, session};
use crate::common::names::USERS;
use crate::common::{Entry, Flow, Trail, Tx, rights};

#[derive(Clone)]
pub struct Users {
    auth: Auth,
}

impl Users {
    pub(super) fn new(auth: Auth) -> Self {
        Self { auth }
    }

    pub async fn get(&self, caller: &Caller, id: &DocumentId) -> Result<Document> {
        rights::users(caller, Access::Read)?;
        self.auth.parts.db.store().document(&USERS, id).await?.ok_or_else(not_found)
    }

    pub async fn delete(&self, caller: &Caller, id: &DocumentId) -> Result<Option<Seq>> {
        rights::users(caller, Access::Write)?;
        let (id, trail) = (id.clone(), Trail::new(&self.auth.parts.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([account::document_read(&id), session::list_read(&id)])?;
            let user = existing(tx, &id)?;
            account::delete(tx, &user)?;
            trail.note(tx, entry("users.delete", &id, Some(user.data.clone()), None))
        };
        Ok(self.auth.parts.commit(caller, decide).await?.seq)
    }

    pub async fn sessions(&self, caller: &Caller, id: &DocumentId) -> Result<Vec<SessionInfo>> {
        self.get(caller, id).await?;
        self.auth.sessions_of(id.clone(), None).await
    }

    /// Ends all sessions of a user.
    pub async fn end_sessions(&self, caller: &Caller, id: &DocumentId) -> Result<()> {
        rights::users(caller, Access::Write)?;
        let (id, trail) = (id.clone(), Trail::new(&self.auth.parts.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([account::document_read(&id), session::list_read(&id)])?;
            existing(tx, &id)?;
            let ended = session::end_where(tx, &id, |_| true)?;
            let after = Map::from_iter([("ended".to_owned(), json!(ended))]);
            trail.note(tx, entry("users.endSessions", &id, None, Some(after)))
        };
        self.auth.parts.commit(caller, decide).await?;
        Ok(())
    }
}

fn existing(tx: &mut Tx<'_>, id: &DocumentId) -> Flow<Arc<Document>> {
    Ok(tx.document(&USERS, id)?.ok_or_else(not_found)?)
}

fn not_found() -> Error {
    Error::new(Code::UserNotFound, "There is no such user.")
}

fn entry(
    action: &'static str,
    user: &DocumentId,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Entry {
    Entry { action, target: ("user", user.to_string()), before, after }
}
