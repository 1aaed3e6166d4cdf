//! Room `auth`: signing up and in, sessions, tokens, the user's own profile, and users as operators manage them.
//!
//! What it promises:
//! * One call is one batch: a user, his credential, his claim on an address and his session come and go together.
//! * A token proves a user and a session only; what he may do is read from the server on each request, from a cache
//!   that forgets at once on the node that changed it and within the tailer's delay on the others.
//! * No secret is kept in clear: passwords as argon2id, refresh tokens not at all (a counter and a MAC).

mod access_token;
mod account;
mod anonymous;
mod credential;
mod discovery;
mod hooks;
mod identifier;
mod keyring;
mod log_in;
mod log_out;
mod me;
mod password;
mod principal;
mod profile;
mod refresh;
mod refresh_token;
mod roles;
mod session;
mod sessions;
mod settings;
mod sign_up;
mod signing_in;
mod sweep;
mod user;
mod users;

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Caller, CollectionName, Document, DocumentId, Error, Result, Seq, Timestamp};
use basalt_data::collections::{Collections, Compiled};

pub use hooks::{Moment, NoUserHooks, UserHookFuture, UserHooks};
pub use identifier::{Identifier, Username};
pub use keyring::{FormerKeys, KeyRing};
pub use log_in::LogIn;
pub use password::ChangePassword;
pub use principal::UserPrincipals;
pub use roles::{Role, RoleInfo, Roles};
pub use settings::{AuthSettings, Limits};
pub use sign_up::SignUp;
pub use users::{NewUser, UserChange, Users};

use crate::common::names::USERS;
use crate::common::{Db, Flow, Live, Outcome, Passwords, Secret, Tx};

/// The room's use cases, each in a file of its own; cheap to clone.
#[derive(Clone)]
pub struct Auth {
    parts: Arc<AuthParts>,
}

/// What the room is made of.
pub struct AuthParts {
    pub db: Db,
    pub collections: Collections,
    pub keyring: KeyRing,
    pub passwords: Passwords,
    pub principals: UserPrincipals,
    pub settings: Live<AuthSettings>,
    pub hooks: Arc<dyn UserHooks>,
}

impl Auth {
    pub fn new(parts: AuthParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Users as operators and services manage them.
    pub fn users(&self) -> Users {
        Users::new(self.clone())
    }

    /// The roles that users may be given.
    pub fn roles(&self) -> Roles {
        Roles::new(self.clone())
    }
}

/// The answer of every call that signs in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The user as he reads himself.
    pub user: Document,
    /// `None` while something is still to be proven first.
    pub session: Option<SessionTokens>,
    /// The place in the log.
    pub seq: Option<Seq>,
}

/// What a session's holder gets; the wire form is `{accessToken, refreshToken, tokenType, expiresIn}`.
#[derive(Clone, Debug)]
pub struct SessionTokens {
    pub session: DocumentId,
    pub access_token: Secret,
    pub refresh_token: Secret,
    /// Of the access token.
    pub expires_in: Duration,
}

/// A session as its user and operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionInfo {
    pub id: DocumentId,
    pub user: DocumentId,
    pub method: String,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub ip: Option<String>,
    pub agent: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Which of a user's sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOutScope {
    Current,
    Others,
    All,
}

impl AuthParts {
    /// Commits, and forgets at once what the commit makes untrue.
    async fn commit<T, F>(&self, caller: &Caller, decide: F) -> Result<Outcome<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Flow<T> + Send + Sync + 'static,
    {
        let outcome = self.db.commit(caller, decide).await?;
        self.forget(&outcome.touched);
        Ok(outcome)
    }

    /// The same under the definition of `users`.
    async fn commit_users<T, F>(&self, caller: &Caller, decide: F) -> Result<Outcome<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, &Compiled) -> Flow<T> + Send + Sync + 'static,
    {
        let outcome = self.db.commit_defined(caller, (&self.collections, &USERS), decide).await?;
        self.forget(&outcome.touched);
        Ok(outcome)
    }

    fn forget(&self, touched: &[(CollectionName, DocumentId)]) {
        for (collection, id) in touched {
            self.principals.forget(collection, id);
        }
    }
}

/// The caller's own user and session; these calls are for users.
fn own(caller: &Caller) -> Result<(DocumentId, DocumentId)> {
    let user = caller.user().ok_or_else(Error::unauthenticated)?;
    Ok((user.id.clone(), user.session.clone()))
}
