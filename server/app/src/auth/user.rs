//! The user document, read and written field by field.

use basalt_core::principal::{Shown, UserPrincipal};
use basalt_core::{Code, Document, Error, FieldError, Result, Timestamp};
use serde_json::{Map, Value, json};

use super::Identifier;
use super::session::Session;
use crate::common::names::OWNED;

/// A user document's server fields, typed.
pub(super) struct User<'a>(pub &'a Document);

impl User<'_> {
    pub(super) fn disabled(&self) -> bool {
        self.flag("disabled")
    }

    pub(super) fn anonymous(&self) -> bool {
        self.flag("anonymous")
    }

    pub(super) fn email_verified(&self) -> bool {
        self.flag("emailVerified")
    }

    pub(super) fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// What he was given; what counts is more, where roles inherit.
    pub(super) fn roles(&self) -> Vec<String> {
        let list = self.0.data.get("roles").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn claims(&self) -> Map<String, Value> {
        self.0.data.get("claims").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// What the account is found by. What is stored was checked when it came in.
    pub(super) fn identifiers(&self) -> Vec<Identifier> {
        let email = self.text("email").and_then(|text| Identifier::email(text).ok());
        let username = self.text("username").and_then(|text| Identifier::username(text).ok());
        let phone = self.text("phone").and_then(|text| Identifier::phone(text).ok());
        [email, username, phone].into_iter().flatten().collect()
    }

    pub(super) fn principal(&self, session: &Session, roles: Vec<String>) -> UserPrincipal {
        UserPrincipal {
            id: self.0.id.clone(),
            session: session.id.clone(),
            email: self.email().map(str::to_owned),
            email_verified: self.email_verified(),
            anonymous: self.anonymous(),
            roles,
            claims: self.claims(),
            mfa: session.mfa,
            method: session.method.clone(),
            authenticated_at: session.authenticated_at,
            shown: Shown::default(),
        }
    }

    fn flag(&self, name: &str) -> bool {
        self.0.data.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.data.get(name).and_then(Value::as_str)
    }
}

/// The server's fields of a new user.
pub(super) fn new_user(anonymous: bool) -> Map<String, Value> {
    let fields = json!({
        "emailVerified": false, "phoneVerified": false, "anonymous": anonymous,
        "roles": [], "claims": {}, "disabled": false,
    });
    match fields {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

pub(super) fn set_identifiers(data: &mut Map<String, Value>, identifiers: &[Identifier]) {
    for identifier in identifiers {
        data.insert(identifier.field().into(), identifier.shown().into());
    }
}

pub(super) fn set_last_login(data: &mut Map<String, Value>, now: Timestamp) {
    data.insert("lastLoginAt".into(), now.to_string().into());
}

/// The user's own fields as somebody hands them in: those of every document are left out, the server's are refused.
pub(super) fn own_fields(mut data: Map<String, Value>) -> Result<Map<String, Value>> {
    for field in basalt_core::document::OWN_FIELDS {
        data.remove(field);
    }
    let protected: Vec<FieldError> = OWNED
        .iter()
        .filter(|field| data.contains_key(**field))
        .map(|field| FieldError::new(format!("/data/{field}"), "field_protected", "This field is the server's."))
        .collect();
    if protected.is_empty() {
        return Ok(data);
    }
    Err(Error::new(Code::FieldProtected, "Fields of the server can't be set here.").with_errors(protected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_never_sets_the_servers_fields() {
        for field in OWNED {
            let data = Map::from_iter([(field.to_owned(), Value::Bool(true)), ("name".to_owned(), "Ann".into())]);
            let error = own_fields(data).unwrap_err();
            assert_eq!(error.code(), Code::FieldProtected, "{field}");
            assert_eq!(error.errors()[0].path, format!("/data/{field}"));
        }
        let data = Map::from_iter([("id".to_owned(), "x".into()), ("name".to_owned(), "Ann".into())]);
        assert_eq!(own_fields(data).unwrap().keys().collect::<Vec<_>>(), ["name"]);
    }
}
