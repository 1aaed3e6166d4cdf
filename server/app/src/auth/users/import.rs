//! Users of another system in, with the hashes of their passwords.

use std::sync::Arc;

use basalt_core::principal::Access;
use basalt_core::{Caller, Code, DocumentId, Error, FieldError, Result};
use basalt_data::documents::{Import, ImportMode, ImportOptions, Incoming, Intake, IntakeFuture, WriteKind};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{NewUser, Users};
use crate::auth::Identifier;
use crate::common::{foreign_hash, rights};

impl Users {
    /// Begins an import: a user a line, as his document shows him, with `password` beside it. Only new ones.
    pub fn import(&self, caller: &Caller, options: ImportOptions) -> Result<Import> {
        if options.mode != ImportMode::Create {
            return Err(Error::new(Code::BadParameter, "Users are imported with mode=create alone."));
        }
        Import::begin(caller, Arc::new(Newcomers(self.clone())), options)
    }
}

struct Newcomers(Users);

impl Intake for Newcomers {
    fn admit(&self, caller: &Caller) -> Result<()> {
        rights::users(caller, Access::Write)
    }

    fn new_id(&self) -> DocumentId {
        self.0.auth.parts.db.new_id()
    }

    fn take<'a>(&'a self, caller: &'a Caller, incoming: Incoming) -> IntakeFuture<'a> {
        Box::pin(async move {
            let user = read(incoming)?;
            self.0.create(caller, user).await.map(|_| WriteKind::Created)
        })
    }
}

/// The server's fields by their names; what is left is the user's own.
fn read(incoming: Incoming) -> Result<NewUser> {
    let Incoming { id, body, given } = incoming;
    let mut fields = Fields { body, faults: Vec::new() };
    if fields.typed::<Vec<Value>>("identities", "a list").is_some_and(|identities| !identities.is_empty()) {
        let detail = "Identities of other providers come with signing in by them.";
        return Err(Error::new(Code::NotAvailable, detail));
    }
    let mut text = |name: &str| fields.typed::<String>(name, "a text");
    let (email, username, phone) = (text("email"), text("username"), text("phone"));
    let mut flag = |name: &str| fields.typed::<bool>(name, "true or false").unwrap_or_default();
    let (email_verified, phone_verified, disabled) = (flag("emailVerified"), flag("phoneVerified"), flag("disabled"));
    let roles = fields.typed("roles", "a list of texts").unwrap_or_default();
    let claims = fields.typed("claims", "a map").unwrap_or_default();
    let password = fields.typed::<Value>("password", "a hash");
    if !fields.faults.is_empty() {
        return Err(Error::new(Code::SchemaViolation, "Fields are of other types.").with_errors(fields.faults));
    }
    let named = [
        email.as_deref().map(Identifier::email),
        username.as_deref().map(Identifier::username),
        phone.as_deref().map(Identifier::phone),
    ];
    Ok(NewUser {
        id: Some(id),
        identifiers: named.into_iter().flatten().collect::<Result<_>>()?,
        password: None,
        hash: password.map(foreign_hash).transpose()?,
        email_verified,
        phone_verified,
        roles,
        claims,
        disabled,
        data: fields.body,
        times: (given.created_at, given.updated_at),
    })
}

/// A line's members that are not taken yet.
struct Fields {
    body: Map<String, Value>,
    faults: Vec<FieldError>,
}

impl Fields {
    /// Null is as good as absent.
    fn typed<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Option<T> {
        let value = self.body.remove(name).filter(|value| !value.is_null())?;
        let typed = serde_json::from_value(value).ok();
        if typed.is_none() {
            self.faults.push(FieldError::new(format!("/{name}"), "type", format!("This is {what}.")));
        }
        typed
    }
}
