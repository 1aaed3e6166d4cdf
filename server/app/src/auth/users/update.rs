use basalt_core::principal::Access;
use basalt_core::{Caller, Document, DocumentId, Result, Seq};
use basalt_data::collections::Compiled;
use serde_json::{Map, Value};

use super::{Users, check_authority, check_grant, entry, existing};
use crate::auth::profile::patched;
use crate::auth::user::User;
use crate::auth::{Identifier, account, credential, roles, session};
use crate::common::{Flow, Secret, Trail, Tx, rights};

/// What to change; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// `Some(None)` takes the address away. A new one counts as unproven unless `email_verified` says otherwise.
    pub email: Option<Option<Identifier>>,
    pub username: Option<Option<Identifier>>,
    pub phone: Option<Option<Identifier>>,
    pub email_verified: Option<bool>,
    pub roles: Option<Vec<String>>,
    pub claims: Option<Map<String, Value>>,
    /// Disabling ends all sessions of the user; they stay ended when he is enabled again.
    pub disabled: Option<bool>,
    /// Ends all sessions of the user.
    pub password: Option<Secret>,
    /// A merge patch of the user's own fields; its values may be operators.
    pub data: Map<String, Value>,
}

impl Users {
    pub async fn update(
        &self,
        caller: &Caller,
        id: &DocumentId,
        change: UserChange,
    ) -> Result<(Document, Option<Seq>)> {
        rights::users(caller, Access::Write)?;
        check_authority(change.roles.as_deref(), change.claims.as_ref())?;
        let parts = &self.auth.parts;
        let phc = match &change.password {
            Some(password) => {
                let user = self.get(caller, id).await?;
                let rules = self.auth.new_password(&User(&user).identifiers());
                Some(parts.passwords.hash_new(password, rules).await?)
            }
            None => None,
        };
        let (id, trail) = (id.clone(), Trail::new(&parts.db, caller));
        let decide = move |tx: &mut Tx<'_>, users: &Compiled| {
            let claims = change.identifiers().map(account::claim_read).collect::<Vec<_>>();
            let own = [account::document_read(&id), session::list_read(&id), trail.read(), roles::read()];
            tx.need(own.into_iter().chain(claims))?;
            let user = existing(tx, &id)?;
            check_grant(tx, change.roles.as_deref().unwrap_or_default(), &User(&user).roles())?;
            let held = User(&user).identifiers();
            let ends_sessions = phc.is_some() || change.disabled == Some(true);
            let sessions = if ends_sessions { session::list(tx, &id)? } else { Vec::new() };
            tx.need(held.iter().map(account::claim_read).chain(sessions.iter().map(session::document_read)))?;
            let mut data = patched(users, (&user, &user), &change.data, tx.now())?;
            change.set_identifiers(tx, (&id, &held), &mut data)?;
            change.set_flags(&mut data);
            if let Some(phc) = &phc {
                data.insert("anonymous".into(), false.into());
                credential::set_password(tx, &id, phc);
            }
            if ends_sessions {
                session::end_where(tx, &id, |_| true)?;
            }
            let document = account::put(tx, users, &id, Some(&user), data)?;
            let (before, mut after) = (differing(&user, &document), differing(&document, &user));
            if phc.is_some() {
                after.insert("password".into(), "changed".into());
            }
            trail.note(tx, entry("users.update", &id, Some(before), Some(after)))?;
            Ok(document)
        };
        let outcome = parts.commit_users(caller, decide).await?;
        Ok((std::sync::Arc::unwrap_or_clone(outcome.value), outcome.seq))
    }
}

impl UserChange {
    /// Those that are wanted.
    fn identifiers(&self) -> impl Iterator<Item = &Identifier> {
        [&self.email, &self.username, &self.phone].into_iter().filter_map(|wanted| wanted.as_ref()?.as_ref())
    }

    fn set_identifiers(
        &self,
        tx: &mut Tx<'_>,
        (user, held): (&DocumentId, &[Identifier]),
        data: &mut Map<String, Value>,
    ) -> Flow<()> {
        for (field, wanted) in [("email", &self.email), ("username", &self.username), ("phone", &self.phone)] {
            let Some(wanted) = wanted else { continue };
            let former = held.iter().find(|identifier| identifier.field() == field);
            let same = former.map(Identifier::claim) == wanted.as_ref().map(Identifier::claim);
            if let Some(former) = former.filter(|_| !same) {
                account::release(tx, former, user)?;
            }
            match wanted {
                Some(identifier) => {
                    account::claim(tx, identifier, user)?;
                    data.insert(field.into(), identifier.shown().into());
                }
                None => drop(data.remove(field)),
            }
            let proof = match field {
                "email" => "emailVerified",
                "phone" => "phoneVerified",
                _ => continue,
            };
            if !same {
                data.insert(proof.into(), false.into());
            }
        }
        Ok(())
    }

    fn set_flags(&self, data: &mut Map<String, Value>) {
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                data.insert(name.to_owned(), value);
            }
        };
        set("emailVerified", self.email_verified.map(Value::Bool));
        set("roles", self.roles.clone().map(Value::from));
        set("claims", self.claims.clone().map(Value::Object));
        set("disabled", self.disabled.map(Value::Bool));
    }
}

/// The fields of `one` that `other` has not, or has otherwise.
fn differing(one: &Document, other: &Document) -> Map<String, Value> {
    let changed = one.data.iter().filter(|(name, value)| other.data.get(*name) != Some(*value));
    changed.map(|(name, value)| (name.clone(), value.clone())).collect()
}
