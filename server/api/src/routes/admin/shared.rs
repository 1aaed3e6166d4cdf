//! Wire types of operators, keys and users.

use actix_web::{HttpRequest, HttpResponseBuilder};
use basalt_app::auth::{Identifier, RoleInfo};
use basalt_app::keys::KeyInfo;
use basalt_app::operators::{OperatorInfo, OperatorSession};
use basalt_core::principal::{OperatorRole, Scope};
use basalt_core::{Code, Error, FieldError, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::extract::cookie;

/// What an operator may do: viewers read, editors change data, owners do everything.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OperatorRole)]
pub(super) enum Role {
    Viewer,
    Editor,
    Owner,
}

impl From<Role> for OperatorRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Editor => Self::Editor,
            Role::Owner => Self::Owner,
        }
    }
}

impl From<OperatorRole> for Role {
    fn from(role: OperatorRole) -> Self {
        match role {
            OperatorRole::Viewer => Self::Viewer,
            OperatorRole::Editor => Self::Editor,
            OperatorRole::Owner => Self::Owner,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Operator)]
pub(super) struct Operator {
    id: String,
    email: String,
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Timestamp>,
}

impl From<OperatorInfo> for Operator {
    fn from(info: OperatorInfo) -> Self {
        let OperatorInfo { id, email, role, created_at, last_login_at } = info;
        Self { id: id.into(), email, role: role.into(), created_at, last_login_at }
    }
}

/// A session is a cookie; this is who has it, and until when.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OperatorSignedIn {
    operator: Operator,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl OperatorSignedIn {
    pub(super) fn of(session: OperatorSession, request: &HttpRequest, response: &mut HttpResponseBuilder) -> Self {
        response.cookie(cookie(session.cookie.expose(), request));
        Self { operator: session.operator.into(), expires_at: session.expires_at }
    }
}

/// A service key, without the key itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Key)]
pub(super) struct Key {
    id: String,
    name: String,
    scopes: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Within some minutes.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl From<KeyInfo> for Key {
    fn from(info: KeyInfo) -> Self {
        let KeyInfo { id, name, scopes, created_at, expires_at, last_used_at } = info;
        let scopes = scopes.iter().map(ToString::to_string).collect();
        Self { id: id.into(), name, scopes, created_at, expires_at, last_used_at }
    }
}

/// A role that users may be given.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Role)]
pub(super) struct Declared {
    name: String,
    description: Option<String>,
    /// Other roles whose rights its holders have, too.
    inherits: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<RoleInfo> for Declared {
    fn from(info: RoleInfo) -> Self {
        let RoleInfo { name, role, created_at, updated_at } = info;
        Self { name: name.into(), description: role.description, inherits: role.inherits, created_at, updated_at }
    }
}

/// The scopes of a body, each named when it is none.
pub(super) fn scopes(texts: &[String]) -> Result<Vec<Scope>> {
    let bad = |(index, text): (usize, &String)| {
        let message = format!("{text:?} is not a scope, such as *, admin or documents:write:orders.");
        FieldError::new(format!("/scopes/{index}"), "invalid", message)
    };
    let unknown: Vec<_> = texts.iter().enumerate().filter(|(_, text)| Scope::parse(text).is_none()).map(bad).collect();
    if !unknown.is_empty() || texts.is_empty() {
        return Err(Error::new(Code::BadRequest, "Name the key's scopes.").with_errors(unknown));
    }
    Ok(texts.iter().filter_map(|text| Scope::parse(text)).collect())
}

/// A field that is left as it is (not sent), taken away (null) or set.
#[derive(Default)]
pub(super) enum Change<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

impl Change<String> {
    #[expect(clippy::option_option, reason = "the room's own form of a change")]
    pub(super) fn identifier(self, parse: fn(&str) -> Result<Identifier>) -> Result<Option<Option<Identifier>>> {
        match self {
            Self::Keep => Ok(None),
            Self::Clear => Ok(Some(None)),
            Self::Set(text) => Ok(Some(Some(parse(&text)?))),
        }
    }
}
