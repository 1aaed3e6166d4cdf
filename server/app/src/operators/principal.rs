use std::sync::Arc;

use basalt_core::principal::OperatorPrincipal;
use basalt_core::{Error, Result, Timestamp};

use super::{ANY, Operators, account, session};
use crate::common::names::OPERATORS;
use crate::common::{Secret, Tx};

/// A session's principal, as read.
pub(super) struct Known {
    principal: Arc<OperatorPrincipal>,
    ends: Timestamp,
}

impl Operators {
    /// Who a session's cookie speaks for.
    pub async fn authenticate(&self, cookie: &Secret) -> Result<Arc<OperatorPrincipal>> {
        let (fingerprint, now) = (cookie.fingerprint(), self.inner.db.now());
        let known = match self.inner.known.get(&fingerprint, now) {
            Some(known) => known,
            None => self.read(&fingerprint).await?,
        };
        if known.ends <= now {
            return Err(ended());
        }
        Ok(Arc::clone(&known.principal))
    }

    async fn read(&self, fingerprint: &str) -> Result<Arc<Known>> {
        let stamp = self.inner.known.stamp([ANY, ANY]);
        let cookie = fingerprint.to_owned();
        let find = move |tx: &mut Tx<'_>| {
            let Some((_, operator, ends)) = session::find(tx, &cookie)? else { return Err(ended().into()) };
            let document = tx.document(&OPERATORS, &operator)?.ok_or_else(ended)?;
            let info = account::read(&document)?;
            let principal = OperatorPrincipal { id: info.id, email: info.email, role: info.role };
            Ok(Arc::new(Known { principal: Arc::new(principal), ends }))
        };
        let known = self.inner.db.inspect(find).await?;
        self.inner.known.put(fingerprint, Arc::clone(&known), stamp);
        Ok(known)
    }
}

fn ended() -> Error {
    Error::new(basalt_core::Code::SessionEnded, "This session has ended; sign in again.")
}
