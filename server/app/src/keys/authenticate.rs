use std::sync::Arc;

use basalt_core::principal::ServicePrincipal;
use basalt_core::{Code, DocumentId, Error, Result, Timestamp};

use super::{ANY, Keys, Known, fingerprint_key, read};
use crate::common::names::KEYS;
use crate::common::{Secret, Tx};

impl Keys {
    /// Who a service key speaks for.
    pub async fn authenticate(&self, key: &Secret) -> Result<Arc<ServicePrincipal>> {
        Ok(self.authenticate_until(key).await?.0)
    }

    /// Also until when, where the key has an end.
    pub async fn authenticate_until(&self, key: &Secret) -> Result<(Arc<ServicePrincipal>, Option<Timestamp>)> {
        let (fingerprint, now) = (key.fingerprint(), self.inner.db.now());
        let known = match self.inner.known.get(&fingerprint, now) {
            Some(known) => known,
            None => self.read(&fingerprint).await?,
        };
        if known.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::new(Code::TokenExpired, "This service key has expired."));
        }
        self.note_use(&known.principal.id, now);
        Ok((Arc::clone(&known.principal), known.expires_at))
    }

    async fn read(&self, fingerprint: &str) -> Result<Arc<Known>> {
        let stamp = self.inner.known.stamp([ANY, ANY]);
        let cell = fingerprint_key(fingerprint);
        let find = move |tx: &mut Tx<'_>| {
            let Some(id) = tx.cell(&cell)? else { return Err(invalid().into()) };
            let id = id.as_str().map(DocumentId::parse).transpose()?.ok_or_else(invalid)?;
            let document = tx.document(&KEYS, &id)?.ok_or_else(invalid)?;
            Ok(read(&document, None)?)
        };
        let info = self.inner.db.inspect(find).await?;
        let principal = Arc::new(ServicePrincipal { id: info.id, scopes: info.scopes });
        let known = Arc::new(Known { principal, expires_at: info.expires_at });
        self.inner.known.put(fingerprint, Arc::clone(&known), stamp);
        Ok(known)
    }
}

fn invalid() -> Error {
    Error::new(Code::InvalidToken, "The service key is not valid.")
}
