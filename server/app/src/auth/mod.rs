//! Room `auth`: signing up and in, sessions, tokens, the user's own profile, and users as operators manage them.
//!
//! What it promises:
//! * One call is one batch: a user, his credential, his claim on an address and his session come and go together.
//! * A token proves a user and a session only; what he may do is read from the server on each request, from a cache
//!   that forgets at once on the node that changed it and within the tailer's delay on the others.
//! * No secret is kept in clear: passwords as argon2id, refresh tokens not at all (a counter and a MAC).

mod access_token;
mod anonymous;
mod discovery;
mod identifier;
mod keyring;
mod log_in;
mod log_out;
mod me;
mod password;
mod principal;
mod records;
mod refresh;
mod refresh_token;
mod sessions;
mod sign_up;
mod users;

use std::sync::Arc;

use basalt_core::{Document, DocumentId, Result, Seq, Timestamp};

pub use identifier::Identifier;
pub use keyring::KeyRing;
pub use log_in::LogIn;
pub use password::ChangePassword;
pub use principal::UserPrincipals;
pub use sign_up::SignUp;
pub use users::{NewUser, UserChange, Users};

use crate::common::{Db, Passwords, Secret};
use crate::settings::Settings;

/// The room's use cases, each in a file of its own; cheap to clone.
#[derive(Clone)]
pub struct Auth {
    parts: Arc<AuthParts>,
}

/// What the room is made of.
pub struct AuthParts {
    pub db: Db,
    pub keyring: KeyRing,
    pub passwords: Passwords,
    pub principals: UserPrincipals,
    pub settings: Settings,
}

impl Auth {
    pub fn new(parts: AuthParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Users as operators and services manage them.
    pub fn users(&self) -> Users {
        Users::new(self.clone())
    }
}

/// The answer of every call that signs in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The user as he sees himself: all of it.
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
    pub expires_in: std::time::Duration,
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
