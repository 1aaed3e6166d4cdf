use basalt_core::principal::Access;
use basalt_core::{Caller, Code, Document, DocumentId, Error, Result, Seq, Timestamp};
use basalt_data::collections::Compiled;
use serde_json::{Map, Value};

use super::{Users, check_authority, check_grant, entry};
use crate::auth::user::{new_user, own_fields, set_identifiers};
use crate::auth::{Identifier, account, credential, roles};
use crate::common::names::USERS;
use crate::common::{Secret, Trail, Tx, refuse, rights};

#[derive(Clone, Debug, Default)]
pub struct NewUser {
    pub id: Option<DocumentId>,
    pub identifiers: Vec<Identifier>,
    pub password: Option<Secret>,
    /// The password as it is kept, where it isn't known itself; see [`Users::import`].
    pub hash: Option<String>,
    pub email_verified: bool,
    pub phone_verified: bool,
    pub roles: Vec<String>,
    pub claims: Map<String, Value>,
    pub disabled: bool,
    /// The fields that are the user's own.
    pub data: Map<String, Value>,
    /// When the account was made and last changed, where that was before.
    pub times: (Option<Timestamp>, Option<Timestamp>),
}

impl Users {
    /// Makes an account for somebody. Without a password he can't sign in by one.
    pub async fn create(&self, caller: &Caller, user: NewUser) -> Result<(Document, Option<Seq>)> {
        rights::users(caller, Access::Write)?;
        check_authority(Some(&user.roles), Some(&user.claims))?;
        if user.identifiers.is_empty() {
            return Err(Error::new(Code::BadRequest, "Give an email or a username."));
        }
        let parts = &self.auth.parts;
        let phc = match &user.password {
            Some(password) => {
                let rules = self.auth.new_password(&user.identifiers);
                Some(parts.passwords.hash_new(password, rules).await?)
            }
            None => user.hash.clone(),
        };
        let trail = Trail::new(&parts.db, caller);
        let id = user.id.clone().unwrap_or_else(|| parts.db.new_id());
        let data = self.auth.before_create(caller, &id, first_data(&user)?).await?;
        let (identifiers, granted, times) = (user.identifiers, user.roles, user.times);
        let decide = move |tx: &mut Tx<'_>, users: &Compiled| {
            let claims = identifiers.iter().map(account::claim_read);
            tx.need(claims.chain([account::document_read(&id), trail.read(), roles::read()]))?;
            if tx.document(&USERS, &id)?.is_some() {
                return refuse(Code::DocumentExists, "There is a user with this id already.");
            }
            check_grant(tx, &granted, &[])?;
            for identifier in &identifiers {
                account::claim(tx, identifier, &id)?;
            }
            tx.date(times);
            let document = account::put(tx, users, &id, None, data.clone())?;
            if let Some(phc) = &phc {
                credential::set_password(tx, &id, phc);
            }
            trail.note(tx, entry("users.create", &id, None, Some(document.data.clone())))?;
            Ok(document)
        };
        let outcome = parts.commit_users(caller, decide).await?;
        Ok((std::sync::Arc::unwrap_or_clone(outcome.value), outcome.seq))
    }
}

fn first_data(user: &NewUser) -> Result<Map<String, Value>> {
    let mut data = new_user(false);
    data.extend(own_fields(user.data.clone())?);
    set_identifiers(&mut data, &user.identifiers);
    data.insert("emailVerified".into(), user.email_verified.into());
    data.insert("phoneVerified".into(), user.phone_verified.into());
    data.insert("roles".into(), user.roles.clone().into());
    data.insert("claims".into(), user.claims.clone().into());
    data.insert("disabled".into(), user.disabled.into());
    Ok(data)
}
