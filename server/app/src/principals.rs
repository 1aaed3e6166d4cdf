//! The one door at which a request proves who it speaks for.

use std::sync::Arc;

use basalt_core::principal::UserPrincipal;
use basalt_core::{Change, DocumentId, Principal, Result, Timestamp};
use basalt_data::changes::Reader;

use crate::auth::UserPrincipals;
use crate::common::Secret;
use crate::keys::{self, Keys};
use crate::operators::Operators;

/// Turns what a request carries into a [`Principal`]; cheap to clone. From memory where nothing has changed.
#[derive(Clone)]
pub struct Principals {
    users: UserPrincipals,
    keys: Keys,
    operators: Operators,
}

impl Principals {
    pub fn new(users: UserPrincipals, keys: Keys, operators: Operators) -> Self {
        Self { users, keys, operators }
    }

    /// `Authorization: Bearer …`: a service key by its prefix, else a user's access token. What is sent and bad is an
    /// error, never a visitor.
    pub async fn bearer(&self, token: &Secret) -> Result<Principal> {
        Ok(self.bearer_until(token).await?.0)
    }

    /// Also until when, for who holds on to a principal; he has to ask anew when it changes before.
    pub async fn bearer_until(&self, token: &Secret) -> Result<(Principal, Option<Timestamp>)> {
        if token.expose().starts_with(keys::PREFIX) {
            let (key, until) = self.keys.authenticate_until(token).await?;
            return Ok((Principal::Service(key), until));
        }
        let (user, until) = self.users.authenticate_until(token).await?;
        Ok((Principal::User(user), Some(until)))
    }

    /// Who a session's user is now: of what he may have done later.
    pub async fn of_session(&self, user: &DocumentId, session: &DocumentId) -> Result<Arc<UserPrincipal>> {
        self.users.of_session(user, session).await
    }

    /// The cookie of an operator's session.
    pub async fn operator(&self, cookie: &Secret) -> Result<Principal> {
        Ok(Principal::Operator(self.operators.authenticate(cookie).await?))
    }
}

/// Fed by the node's tailer, whose [`basalt_data::changes::Lag`] the three know too.
impl Reader for Principals {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        for change in changes {
            self.users.apply(change);
            self.keys.apply(change);
            self.operators.apply(change);
        }
    }

    fn reset(&mut self) {
        self.users.reset();
        self.keys.reset();
        self.operators.reset();
    }
}
