//! Room `operators`: the people of the console, their one-time set-up and their sessions.

use std::sync::Arc;

use basalt_core::principal::{OperatorPrincipal, OperatorRole};
use basalt_core::{Caller, Change, DocumentId, Result, Timestamp};

use crate::common::{Db, Passwords, Secret};

#[derive(Clone)]
pub struct Operators {}

#[derive(Clone, Debug, PartialEq)]
pub struct OperatorInfo {
    pub id: DocumentId,
    pub email: String,
    pub role: OperatorRole,
    pub created_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct NewOperator {
    pub email: String,
    pub role: OperatorRole,
    pub password: Secret,
}

/// What to change; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct OperatorChange {
    pub role: Option<OperatorRole>,
    /// Ends the operator's sessions.
    pub password: Option<Secret>,
}

/// An operator's session: `cookie` goes into a cookie and nowhere else.
#[derive(Clone, Debug)]
pub struct OperatorSession {
    pub operator: OperatorInfo,
    pub cookie: Secret,
    pub expires_at: Timestamp,
}

impl Operators {
    pub fn new(_db: Db, _passwords: Passwords) -> Self {
        unimplemented!()
    }

    /// A new set-up token while there is no operator yet, for the link that the server prints; else `None`.
    pub async fn setup_token(&self) -> Result<Option<Secret>> {
        unimplemented!()
    }

    /// Makes the first owner by the one-time token and signs him in. 409 `setup_done` once there is an operator.
    pub async fn set_up(
        &self,
        _caller: &Caller,
        _token: &Secret,
        _email: &str,
        _password: &Secret,
    ) -> Result<OperatorSession> {
        unimplemented!()
    }

    pub async fn log_in(&self, _caller: &Caller, _email: &str, _password: &Secret) -> Result<OperatorSession> {
        unimplemented!()
    }

    /// Ends the session of this cookie, if there is one.
    pub async fn log_out(&self, _caller: &Caller, _cookie: &Secret) -> Result<()> {
        unimplemented!()
    }

    pub async fn create(&self, _caller: &Caller, _operator: NewOperator) -> Result<OperatorInfo> {
        unimplemented!()
    }

    pub async fn update(&self, _caller: &Caller, _id: &DocumentId, _change: OperatorChange) -> Result<OperatorInfo> {
        unimplemented!()
    }

    pub async fn list(&self, _caller: &Caller) -> Result<Vec<OperatorInfo>> {
        unimplemented!()
    }

    pub async fn get(&self, _caller: &Caller, _id: &DocumentId) -> Result<OperatorInfo> {
        unimplemented!()
    }

    pub async fn delete(&self, _caller: &Caller, _id: &DocumentId) -> Result<()> {
        unimplemented!()
    }

    pub async fn authenticate(&self, _cookie: &Secret) -> Result<Arc<OperatorPrincipal>> {
        unimplemented!()
    }

    /// Forgets what a change of the log makes untrue.
    pub fn apply(&self, _change: &Change) {
        unimplemented!()
    }
}
