//! The one door at which a request proves who it speaks for.

use basalt_core::{Change, Principal, Result};
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
        if token.expose().starts_with(keys::PREFIX) {
            return Ok(Principal::Service(self.keys.authenticate(token).await?));
        }
        Ok(Principal::User(self.users.authenticate(token).await?))
    }

    /// The cookie of an operator's session.
    pub async fn operator(&self, cookie: &Secret) -> Result<Principal> {
        Ok(Principal::Operator(self.operators.authenticate(cookie).await?))
    }
}

/// Fed by the node's tailer, whose [`basalt_data::changes::Lag`] the three know too.
impl Reader for Principals {
    fn apply(&mut self, changes: &[Change]) {
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
