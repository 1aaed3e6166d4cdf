//! The port for hooks of users: code of the app that has a say before an account is made and before its user signs in.

use std::future::Future;
use std::pin::Pin;

use basalt_core::document::{OWN_FIELDS, check_fields};
use basalt_core::{Caller, Code, DocumentId, Error, Result};
use serde_json::{Map, Value};

use super::Auth;
use super::users::check_authority;
use crate::common::names::{OWNED, USERS};

pub type UserHookFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Asked outside of any transaction; an error refuses.
pub trait UserHooks: Send + Sync {
    /// Whether there is a hook at all: where there is none, nothing is read for it.
    fn concerns(&self, moment: Moment) -> bool;

    /// The fields of an account that is about to be made, and those that it is to have.
    fn create<'a>(
        &'a self,
        caller: &'a Caller,
        id: &'a DocumentId,
        next: Map<String, Value>,
    ) -> UserHookFuture<'a, Map<String, Value>>;

    /// A user, flat, who has shown that he is who he says.
    fn sign_in<'a>(
        &'a self,
        caller: &'a Caller,
        id: &'a DocumentId,
        user: Map<String, Value>,
    ) -> UserHookFuture<'a, ()>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Create,
    SignIn,
}

/// No hooks.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoUserHooks;

impl UserHooks for NoUserHooks {
    fn concerns(&self, _: Moment) -> bool {
        false
    }

    fn create<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a DocumentId,
        next: Map<String, Value>,
    ) -> UserHookFuture<'a, Map<String, Value>> {
        Box::pin(std::future::ready(Ok(next)))
    }

    fn sign_in<'a>(&'a self, _: &'a Caller, _: &'a DocumentId, _: Map<String, Value>) -> UserHookFuture<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Auth {
    /// What the account's fields are to be: the user's own as hooks leave them, and claims that they give.
    pub(super) async fn before_create(
        &self,
        caller: &Caller,
        id: &DocumentId,
        next: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        let hooks = &self.parts.hooks;
        if !hooks.concerns(Moment::Create) {
            return Ok(next);
        }
        let returned = hooks.create(caller, id, next.clone()).await?;
        merged(&next, returned)
    }

    pub(super) async fn before_sign_in(&self, caller: &Caller, id: &DocumentId) -> Result<()> {
        let hooks = &self.parts.hooks;
        if !hooks.concerns(Moment::SignIn) {
            return Ok(());
        }
        let user = self.parts.db.store().document(&USERS, id).await?;
        match user {
            Some(user) => hooks.sign_in(caller, id, user.into_flat()).await,
            // Deleted meanwhile: who signs him in finds that.
            None => Ok(()),
        }
    }
}

/// The server's fields stay, but for claims; what hooks leave out of them is no change.
fn merged(next: &Map<String, Value>, mut returned: Map<String, Value>) -> Result<Map<String, Value>> {
    for field in OWN_FIELDS {
        returned.remove(field);
    }
    let mut merged = Map::new();
    for field in OWNED {
        let (was, is) = (next.get(field), returned.remove(field));
        let kept = match is {
            Some(claims @ Value::Object(_)) if field == "claims" => {
                check_authority(None, claims.as_object())?;
                Some(claims)
            }
            Some(is) if was != Some(&is) => {
                let detail = format!("A beforeUser hook changed {field:?}, which is the server's.");
                return Err(Error::new(Code::FunctionResultInvalid, detail));
            }
            _ => was.cloned(),
        };
        merged.extend(kept.map(|value| (field.to_owned(), value)));
    }
    check_fields(&returned)?;
    merged.extend(returned);
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    #[test]
    fn hooks_give_own_fields_and_claims_and_nothing_else() {
        let next = map(json!({"email": "ann@example.com", "roles": [], "claims": {}, "name": "Ann"}));
        let returned = map(json!({"id": "u1", "email": "ann@example.com", "claims": {"plan": "free"}, "name": "ANN"}));
        let expected = map(json!({"email": "ann@example.com", "roles": [], "claims": {"plan": "free"}, "name": "ANN"}));
        assert_eq!(merged(&next, returned).unwrap(), expected);
        let dropped = merged(&next, map(json!({"displayName": "A"}))).unwrap();
        assert!(dropped.contains_key("email") && !dropped.contains_key("name"));
        for bad in
            [json!({"roles": ["admin"]}), json!({"email": "eve@example.com"}), json!({"claims": 1}), json!({"$x": 1})]
        {
            assert!(merged(&next, map(bad.clone())).is_err(), "{bad}");
        }
    }
}
