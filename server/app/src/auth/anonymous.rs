use basalt_core::{Caller, Code, Error, Result};

use super::signing_in::Method;
use super::user::{new_user, set_last_login};
use super::{Auth, SignedIn, account, session};
use crate::common::Device;

impl Auth {
    /// Makes a user without any credential and signs in.
    pub async fn anonymous(&self, caller: &Caller, device: &Device) -> Result<SignedIn> {
        let settings = self.parts.settings.get();
        if !settings.sign_up {
            return Err(Error::new(Code::SignUpDisabled, "Making accounts is switched off."));
        }
        if !settings.anonymous {
            return Err(Error::new(Code::MethodDisabled, "Anonymous accounts are switched off."));
        }
        self.take_sign_up(caller).await?;
        let session = self.new_session(caller, device, self.parts.db.new_id(), Method::Anonymous);
        let made = self.before_create(caller, &session.user, new_user(true)).await?;
        let opened = session.clone();
        let outcome = self.parts.commit_users(caller, move |tx, users| {
            let id = &session.user;
            tx.need([account::document_read(id), session::list_read(id), session::document_read(&session.id)])?;
            let mut data = made.clone();
            set_last_login(&mut data, tx.now());
            let document = account::put(tx, users, id, None, data)?;
            session::open(tx, &session, settings.limits.sessions_of_user)?;
            Ok((document, true))
        });
        self.signed_in(caller, opened, outcome.await?).await
    }
}
