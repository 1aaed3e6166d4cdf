use basalt_core::{Caller, Code, Error, Result};

use super::log_in::{invalid_credentials, still_his};
use super::user::User;
use super::{Auth, account, credential, own, session};
use crate::common::names::USERS;
use crate::common::{NewPassword, Secret, Tx, Verdict};

#[derive(Clone, Debug)]
pub struct ChangePassword {
    pub current: Secret,
    pub new: Secret,
}

impl Auth {
    /// Changes the caller's password and ends his other sessions. A wrong current password counts like a wrong log-in.
    pub async fn change_password(&self, caller: &Caller, input: ChangePassword) -> Result<()> {
        if !self.parts.settings.get().password {
            return Err(Error::new(Code::MethodDisabled, "Signing in by password is switched off."));
        }
        let (id, current) = own(caller)?;
        let guard = self.guard(caller, id.as_str());
        let (user, tried) = (id.clone(), guard.clone());
        let begin = move |tx: &mut Tx<'_>| {
            tx.need(tried.reads().into_iter().chain([credential::read(&user), account::document_read(&user)]))?;
            tried.begin(tx)?;
            let identifiers = tx.document(&USERS, &user)?.map(|user| User(&user).identifiers());
            Ok((credential::password(tx, &user)?, identifiers.unwrap_or_default()))
        };
        let (phc, identifiers) = self.parts.db.commit(caller, begin).await?.value;
        let verdict = self.parts.passwords.verify(&input.current, phc.clone()).await?;
        let (Some(phc), true) = (phc, verdict != Verdict::Wrong) else { return Err(invalid_credentials()) };
        let rules = NewPassword { path: "/newPassword", ..self.new_password(&identifiers) };
        let renewed = self.parts.passwords.hash_new(&input.new, rules).await?;
        let finish = move |tx: &mut Tx<'_>| {
            tx.need(guard.reads().into_iter().chain([credential::read(&id), session::list_read(&id)]))?;
            if !still_his(tx, &id, &phc)? {
                return Err(invalid_credentials().into());
            }
            guard.succeed(tx)?;
            credential::set_password(tx, &id, &renewed);
            session::end_where(tx, &id, |session| *session != current)
        };
        self.parts.commit(caller, finish).await?;
        Ok(())
    }
}
