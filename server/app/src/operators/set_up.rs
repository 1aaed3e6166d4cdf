use std::sync::Arc;
use std::time::Duration;

use basalt_core::principal::{OperatorPrincipal, OperatorRole};
use basalt_core::{Caller, Code, Error, Principal, Result, random};
use basalt_store::CellKey;

use super::account::{self, Account, parse_email};
use super::session::{self, NewSession};
use super::{OperatorSession, Operators};
use crate::common::{Entry, Secret, Trail, Tx, cell, refuse};

/// How long the link that the server prints is good; the next start prints another.
const TOKEN_LIFE: Duration = Duration::from_hours(24);

fn token_key(token: &Secret) -> CellKey {
    CellKey::new("_setup", token.fingerprint())
}

impl Operators {
    /// Whether there is no operator yet.
    pub async fn needs_setup(&self) -> Result<bool> {
        self.inner.db.inspect(|tx| Ok(account::owners(tx)?.is_empty())).await
    }

    /// A new set-up token while there is no operator yet, for the link that the server prints; else `None`.
    pub async fn setup_token(&self) -> Result<Option<Secret>> {
        let token = Secret::new(random::base32hex(&random::bytes::<32>(self.inner.db.random())));
        let key = token_key(&token);
        let decide = move |tx: &mut Tx<'_>| {
            if !account::owners(tx)?.is_empty() {
                return Ok(false);
            }
            let end = tx.now().plus(TOKEN_LIFE);
            tx.put_cell(&key, true.into(), Some(end));
            Ok(true)
        };
        let made = self.commit(&Caller::system(self.inner.db.now()), decide).await?.value;
        Ok(made.then_some(token))
    }

    /// Makes the first owner by the one-time token and signs him in. 409 `setup_done` once there is an operator: of
    /// any number that try at once, one becomes the owner.
    pub async fn set_up(
        &self,
        caller: &Caller,
        token: &Secret,
        email: &str,
        password: &Secret,
    ) -> Result<OperatorSession> {
        let email = parse_email(email)?;
        let key = token_key(token);
        // Before the costly hash: a wrong token costs a read.
        let checked = key.clone();
        self.inner.db.inspect(move |tx| check(tx, &checked)).await?;
        let phc = self.hash(password, &email).await?;
        let account = Account { id: self.inner.db.new_id(), email, role: OperatorRole::Owner, phc };
        let session = NewSession::draw(&self.inner.db, caller);
        let opened = session.clone();
        let trail = Trail::new(&self.inner.db, &acting(caller, &account));
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([cell(&key), account::owners_read(), session::list_read(&account.id), trail.read()])?;
            check(tx, &key)?;
            tx.delete_cell(&key);
            let document = account::create(tx, &account)?;
            session.open(tx, &account.id)?;
            let (target, after) = (("operator", account.id.to_string()), account::told(&document));
            trail.note(tx, Entry { action: "operators.setUp", target, before: None, after: Some(after) })?;
            Ok(document)
        };
        let document = self.commit(caller, decide).await?.value;
        let NewSession { cookie, expires_at, .. } = opened;
        Ok(OperatorSession { operator: account::read(&document)?, cookie, expires_at })
    }
}

/// Who sets up a server has no account yet when he asks; what he does is told of the one that he makes.
fn acting(caller: &Caller, account: &Account) -> Caller {
    let Account { id, email, role, .. } = account;
    let owner = OperatorPrincipal { id: id.clone(), email: email.clone(), role: *role };
    Caller { principal: Principal::Operator(Arc::new(owner)), ..caller.clone() }
}

fn check(tx: &mut Tx<'_>, key: &CellKey) -> crate::common::Flow<()> {
    tx.need([cell(key), account::owners_read()])?;
    if !account::owners(tx)?.is_empty() {
        return refuse(Code::SetupDone, "This server has its operators already.");
    }
    match tx.cell(key)? {
        Some(_) => Ok(()),
        None => Err(Error::new(Code::InvalidToken, "The set-up link is not valid; start the server anew.").into()),
    }
}
