//! A new secret, with time for the receiver to learn it.

use std::time::Duration;

use basalt_core::{Caller, Code, DocumentId, Error, FieldError, Result, Timestamp};
use basalt_outbound::SigningSecret;

use super::Webhooks;
use super::manage::{document, entry, told};
use super::secrets::{self, Sealed};
use super::stored::{self, not_found};
use crate::common::names::WEBHOOKS;
use crate::common::{Secret, Trail, Tx, cell, rights};

/// How long the secret before goes on signing.
const OVERLAP: Duration = Duration::from_hours(24);
const OVERLAP_MOST: Duration = Duration::from_hours(30 * 24);

#[derive(Clone, Debug)]
pub struct Rotated {
    /// Shown in this answer only.
    pub secret: Secret,
    /// Until when the one before signs, too.
    pub overlap_until: Timestamp,
}

impl Webhooks {
    /// Gives it a new secret (`secret`, or one that is made).
    pub async fn rotate(
        &self,
        caller: &Caller,
        name: &DocumentId,
        secret: Option<Secret>,
        overlap: Option<Duration>,
    ) -> Result<Rotated> {
        rights::admin_own(caller)?;
        let secret = self.new_secret(secret)?;
        let overlap = overlap.unwrap_or(OVERLAP);
        if overlap > OVERLAP_MOST {
            return Err(invalid("/overlap", "The secret before signs for 30 days at most."));
        }
        let until = self.inner.db.now().plus(overlap);
        let (sealer, random) = (self.inner.sealer.clone(), self.inner.db.random());
        let text = secrets::seal(name, &secret, &sealer, random);
        let (name, trail) = (name.clone(), Trail::new(&self.inner.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            let key = secrets::key(&name);
            tx.need([document(&name), cell(&key), trail.read()])?;
            let Some(former) = tx.document(&WEBHOOKS, &name)? else { return Err(not_found().into()) };
            let former_ones = tx.cell(&key)?.map(Sealed::read).transpose()?.unwrap_or_default();
            tx.put_cell(&key, former_ones.rotated(text.clone(), until).to_value(), None);
            let mut data = former.data.clone();
            data.insert(stored::OVERLAP.to_owned(), until.to_string().into());
            data.insert(stored::SEALED.to_owned(), tx.draw_rev().as_str().into());
            let (before, after) = (told(&former.data), told(&data));
            tx.update(&WEBHOOKS, &former, data);
            trail.note(tx, entry("webhooks.rotate", &name, Some(before), Some(after)))
        };
        self.inner.db.commit(caller, decide).await?;
        self.reload().await?;
        Ok(Rotated { secret: Secret::new(secret.expose()), overlap_until: until })
    }

    fn new_secret(&self, given: Option<Secret>) -> Result<SigningSecret> {
        let Some(given) = given else { return Ok(SigningSecret::generate(self.inner.db.random())) };
        let wrong = || invalid("/secret", "A secret is \"whsec_\" and 24 to 64 bytes in base 64.");
        SigningSecret::parse(given.expose()).ok_or_else(wrong)
    }
}

fn invalid(path: &str, message: &str) -> Error {
    Error::new(Code::BadRequest, message).with_errors(vec![FieldError::new(path, "invalid", message)])
}
