//! Users as operators and services manage them (`/v1/admin/users`); lists are lists of the documents of `users`.

mod create;
mod import;
mod update;

use std::sync::Arc;

use basalt_core::principal::Access;
use basalt_core::{Caller, Code, Document, DocumentId, Error, FieldError, Result, Seq};
use basalt_data::collections::Compiled;
use serde_json::{Map, Value, json};

pub use create::NewUser;
pub use update::UserChange;

use super::roles::Graph;
use super::{Auth, SessionInfo, account, session};
use crate::common::names::USERS;
use crate::common::{Entry, Flow, Trail, Tx, rights};

const MOST_ROLES: usize = 64;
const CLAIMS_BYTES: usize = 4 * 1024;

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
        let decide = move |tx: &mut Tx<'_>, users: &Compiled| {
            tx.need([account::document_read(&id), session::list_read(&id), trail.read()])?;
            let user = existing(tx, &id)?;
            account::delete(tx, users, &user)?;
            trail.note(tx, entry("users.delete", &id, Some(user.data.clone()), None))
        };
        Ok(self.auth.parts.commit_users(caller, decide).await?.seq)
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
            tx.need([account::document_read(&id), session::list_read(&id), trail.read()])?;
            existing(tx, &id)?;
            let ended = session::end_where(tx, &id, |_| true)?;
            let after = Map::from_iter([("ended".to_owned(), json!(ended))]);
            trail.note(tx, entry("users.endSessions", &id, None, Some(after)))
        };
        self.auth.parts.commit(caller, decide).await?;
        Ok(())
    }
}

/// Roles and claims are in every token, so they are small.
pub(super) fn check_authority(roles: Option<&[String]>, claims: Option<&Map<String, Value>>) -> Result<()> {
    let mut errors = Vec::new();
    let good = |role: &String| (1..=64).contains(&role.chars().count()) && !role.chars().any(char::is_control);
    if roles.is_some_and(|roles| roles.len() > MOST_ROLES || !roles.iter().all(good)) {
        let message = format!("A user has at most {MOST_ROLES} roles, each of 1 to 64 characters.");
        errors.push(FieldError::new("/roles", "invalid", message));
    }
    let size = claims.map(|claims| serde_json::to_vec(claims).map_or(usize::MAX, |bytes| bytes.len()));
    if size.is_some_and(|size| size > CLAIMS_BYTES) {
        let message = format!("Claims are at most {CLAIMS_BYTES} bytes of JSON.");
        errors.push(FieldError::new("/claims", "too_large", message));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::new(Code::SchemaViolation, "The roles or claims are not valid.").with_errors(errors))
}

/// Only roles that are declared are given; who has one already keeps it.
fn check_grant(tx: &mut Tx<'_>, granted: &[String], held: &[String]) -> Flow<()> {
    let faults = Graph::load(tx)?.check_grant(granted, held);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::new(Code::SchemaViolation, "A role has to be declared before it is given.").with_errors(faults).into())
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
