//! Users as operators and services manage them (`/v1/admin/users`); lists are lists of the documents of `users`.

use basalt_core::{Caller, Document, DocumentId, Result, Seq};
use serde_json::{Map, Value};

use super::{Auth, Identifier, SessionInfo};
use crate::common::Secret;

#[derive(Clone)]
pub struct Users {
    auth: Auth,
}

#[derive(Clone, Debug, Default)]
pub struct NewUser {
    pub id: Option<DocumentId>,
    pub identifiers: Vec<Identifier>,
    pub password: Option<Secret>,
    pub email_verified: bool,
    pub roles: Vec<String>,
    pub claims: Map<String, Value>,
    pub disabled: bool,
    /// The fields that are the user's own.
    pub data: Map<String, Value>,
}

/// What to change; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// `Some(None)` takes the address away.
    pub email: Option<Option<Identifier>>,
    pub username: Option<Option<Identifier>>,
    pub phone: Option<Option<Identifier>>,
    pub email_verified: Option<bool>,
    pub roles: Option<Vec<String>>,
    pub claims: Option<Map<String, Value>>,
    pub disabled: Option<bool>,
    /// Ends all sessions of the user.
    pub password: Option<Secret>,
    /// A merge patch of the user's own fields; its values may be operators.
    pub data: Map<String, Value>,
}

impl Users {
    pub(super) fn new(auth: Auth) -> Self {
        Self { auth }
    }

    pub async fn get(&self, _caller: &Caller, _id: &DocumentId) -> Result<Document> {
        unimplemented!()
    }

    pub async fn create(&self, _caller: &Caller, _user: NewUser) -> Result<(Document, Option<Seq>)> {
        unimplemented!()
    }

    pub async fn update(
        &self,
        _caller: &Caller,
        _id: &DocumentId,
        _change: UserChange,
    ) -> Result<(Document, Option<Seq>)> {
        unimplemented!()
    }

    pub async fn delete(&self, _caller: &Caller, _id: &DocumentId) -> Result<Option<Seq>> {
        unimplemented!()
    }

    pub async fn sessions(&self, _caller: &Caller, _id: &DocumentId) -> Result<Vec<SessionInfo>> {
        unimplemented!()
    }

    /// Ends all sessions of a user.
    pub async fn end_sessions(&self, _caller: &Caller, _id: &DocumentId) -> Result<()> {
        unimplemented!()
    }
}
