use basalt_core::principal::Scope;
use basalt_core::{Caller, Code, Document, Error, FieldError, Principal, Result, Timestamp, random};
use serde_json::{Map, Value};

use super::{KeyInfo, Keys, PREFIX, fingerprint_key, read};
use crate::common::names::KEYS;
use crate::common::{Entry, Secret, Trail, Tx, rights};

#[derive(Clone, Debug)]
pub struct NewKey {
    /// 1 to 128 characters, for people.
    pub name: String,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Timestamp>,
}

impl Keys {
    /// Makes a key. The key itself is in this answer only. A service gives no scope that it lacks itself.
    pub async fn create(&self, caller: &Caller, key: NewKey) -> Result<(KeyInfo, Secret)> {
        rights::admin_own(caller)?;
        check(&key, self.inner.db.now())?;
        check_scopes(caller, &key.scopes)?;
        let secret = new_secret(self);
        let fingerprint = secret.fingerprint();
        let (id, trail) = (self.inner.db.new_id(), Trail::new(&self.inner.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            let document = tx.create(&KEYS, &id, key.to_data(&fingerprint))?;
            tx.put_cell(&fingerprint_key(&fingerprint), id.as_str().into(), None);
            let after = told(&document);
            let target = ("key", id.to_string());
            trail.note(tx, Entry { action: "keys.create", target, before: None, after: Some(after) })?;
            Ok(document)
        };
        let document = self.inner.db.commit(caller, decide).await?.value;
        Ok((read(&document, None)?, secret))
    }
}

fn new_secret(keys: &Keys) -> Secret {
    let bytes = random::bytes::<32>(keys.inner.db.random());
    Secret::new(format!("{PREFIX}{}", random::base32hex(&bytes)))
}

impl NewKey {
    fn to_data(&self, fingerprint: &str) -> Map<String, Value> {
        let scopes: Vec<String> = self.scopes.iter().map(ToString::to_string).collect();
        let mut data = Map::from_iter([
            ("name".to_owned(), self.name.as_str().into()),
            ("scopes".to_owned(), scopes.into()),
            ("fingerprint".to_owned(), fingerprint.into()),
        ]);
        if let Some(expires_at) = self.expires_at {
            data.insert("expiresAt".into(), expires_at.to_string().into());
        }
        data
    }
}

/// What the audit log tells of a key.
pub(super) fn told(document: &Document) -> Map<String, Value> {
    document.data.iter().filter(|(name, _)| *name != "fingerprint").map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn check(key: &NewKey, now: Timestamp) -> Result<()> {
    let mut errors = Vec::new();
    if key.name.trim().is_empty() || key.name.chars().count() > 128 {
        errors.push(FieldError::new("/name", "invalid", "A name has 1 to 128 characters."));
    }
    if key.scopes.is_empty() || key.scopes.len() > 100 {
        errors.push(FieldError::new("/scopes", "invalid", "A key has 1 to 100 scopes."));
    }
    if key.expires_at.is_some_and(|end| end <= now) {
        errors.push(FieldError::new("/expiresAt", "invalid", "The end is in the past."));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::new(Code::BadRequest, "The key is not valid.").with_errors(errors))
    }
}

fn check_scopes(caller: &Caller, scopes: &[Scope]) -> Result<()> {
    match &caller.principal {
        Principal::Service(own) => scopes.iter().try_for_each(|scope| own.require(scope)),
        _ => Ok(()),
    }
}
