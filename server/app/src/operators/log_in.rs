use basalt_core::{Caller, Code, DocumentId, Error, Result};

use super::account::{self, parse_email};
use super::session::{self, NewSession};
use super::{OperatorSession, Operators, guard};
use crate::common::names::OPERATORS;
use crate::common::{Guard, Secret, Tx, Verdict};

/// Whom a log-in names, and what he would have to know.
type Candidate = (Option<DocumentId>, Option<String>);

impl Operators {
    /// Signs in. An unknown address and a wrong password are answered alike, after the same work.
    pub async fn log_in(&self, caller: &Caller, email: &str, password: &Secret) -> Result<OperatorSession> {
        let email = parse_email(email).map_err(|_| invalid())?;
        let guard = guard(caller, &email);
        let (id, phc) = self.candidate(caller, email, guard.clone()).await?;
        let verdict = self.inner.passwords.verify(password, phc.clone()).await?;
        let (Some(id), Some(phc), true) = (id, phc, verdict != Verdict::Wrong) else { return Err(invalid()) };
        let renewed = match verdict {
            Verdict::RightButOutdated => Some(self.inner.passwords.rehash(password).await?),
            Verdict::Right | Verdict::Wrong => None,
        };
        let session = NewSession::draw(&self.inner.db, caller);
        let opened = session.clone();
        let decide = move |tx: &mut Tx<'_>| {
            let own = [account::document_read(&id), account::password_read(&id), session::list_read(&id)];
            tx.need(own.into_iter().chain(guard.reads()))?;
            let his = account::password(tx, &id)?.as_deref() == Some(&*phc);
            let Some(operator) = tx.document(&OPERATORS, &id)?.filter(|_| his) else { return Err(invalid().into()) };
            guard.succeed(tx)?;
            if let Some(renewed) = &renewed {
                account::set_password(tx, &id, renewed);
            }
            let mut data = operator.data.clone();
            data.insert("lastLoginAt".into(), tx.now().to_string().into());
            session.open(tx, &id)?;
            Ok(tx.update(&OPERATORS, &operator, data))
        };
        let document = self.commit(caller, decide).await?.value;
        let NewSession { cookie, expires_at, .. } = opened;
        Ok(OperatorSession { operator: account::read(&document)?, cookie, expires_at })
    }

    /// Ends the session of this cookie, if there is one.
    pub async fn log_out(&self, caller: &Caller, cookie: &Secret) -> Result<()> {
        let fingerprint = cookie.fingerprint();
        let decide = move |tx: &mut Tx<'_>| match session::find(tx, &fingerprint)? {
            Some((id, operator, _)) => session::end_where(tx, &operator, |one| *one == id),
            None => Ok(()),
        };
        self.commit(caller, decide).await?;
        Ok(())
    }

    /// Finds whom the address names and counts the try, before the password is looked at.
    async fn candidate(&self, caller: &Caller, email: String, guard: Guard) -> Result<Candidate> {
        let find = move |tx: &mut Tx<'_>| {
            let id = account::holder(tx, &email)?;
            tx.need(guard.reads().into_iter().chain(id.iter().map(account::password_read)))?;
            guard.begin(tx)?;
            let phc = id.as_ref().map_or(Ok(None), |id| account::password(tx, id))?;
            Ok((id, phc))
        };
        Ok(self.commit(caller, find).await?.value)
    }
}

fn invalid() -> Error {
    Error::new(Code::InvalidCredentials, "The e-mail address or the password is wrong.")
}
