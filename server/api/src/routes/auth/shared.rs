//! Wire types of signing in.

use basalt_app::auth::{self, Identifier};
use basalt_core::{Code, Document, Error, Result, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::routes::documents::shared::DocumentSchema;

/// The answer of every call that signs in.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct SignedIn {
    #[schema(value_type = DocumentSchema)]
    user: Map<String, Value>,
    /// Null while something has to be proven first (an e-mail address).
    session: Option<Session>,
}

/// The tokens of a session. The refresh token is good for one use.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::routes) struct Session {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    /// Of the access token, in seconds.
    expires_in: u64,
}

/// A session as its user and operators see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionInfo)]
pub(in crate::routes) struct SessionInfo {
    id: String,
    /// How it was opened: `password`, `anonymous`, …
    method: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    ip: Option<String>,
    agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::routes) struct SessionList {
    items: Vec<SessionInfo>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

impl From<auth::SignedIn> for SignedIn {
    fn from(signed_in: auth::SignedIn) -> Self {
        Self { user: user(signed_in.user), session: signed_in.session.map(Session::from) }
    }
}

impl From<auth::SessionTokens> for Session {
    fn from(tokens: auth::SessionTokens) -> Self {
        Self {
            access_token: tokens.access_token.expose().to_owned(),
            refresh_token: tokens.refresh_token.expose().to_owned(),
            token_type: "Bearer",
            expires_in: tokens.expires_in.as_secs(),
        }
    }
}

impl From<Vec<auth::SessionInfo>> for SessionList {
    fn from(sessions: Vec<auth::SessionInfo>) -> Self {
        let items = sessions.into_iter().map(|session| SessionInfo {
            id: session.id.into(),
            method: session.method,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            ip: session.ip,
            agent: session.agent,
            current: session.current,
        });
        Self { items: items.collect(), next_cursor: None }
    }
}

pub(in crate::routes) fn user(document: Document) -> Map<String, Value> {
    document.into_flat()
}

/// The identifiers that a body names, at least one.
pub(in crate::routes) fn identifiers(
    email: Option<&str>,
    username: Option<&str>,
    phone: Option<&str>,
) -> Result<Vec<Identifier>> {
    let email = email.map(Identifier::email);
    let username = username.map(Identifier::username);
    let phone = phone.map(Identifier::phone);
    let found = [email, username, phone].into_iter().flatten().collect::<Result<Vec<_>>>()?;
    if found.is_empty() {
        return Err(Error::new(Code::BadRequest, "Name an email, a username or a phone."));
    }
    Ok(found)
}
