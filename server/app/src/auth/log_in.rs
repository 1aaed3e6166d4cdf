use basalt_core::{Caller, Code, DocumentId, Error, Result};

use super::session::{self, Session};
use super::signing_in::Method;
use super::user::{User, set_last_login};
use super::{Auth, Identifier, SignedIn, account, credential};
use crate::common::names::USERS;
use crate::common::{Device, Flow, Guard, Secret, Tx, Verdict, refuse};

#[derive(Clone, Debug)]
pub struct LogIn {
    pub identifier: Identifier,
    pub password: Secret,
}

/// Whom a log-in names, and what he would have to know.
struct Candidate {
    user: Option<DocumentId>,
    phc: Option<String>,
    guard: Guard,
}

impl Auth {
    /// Signs in by password. An unknown account and a wrong password are answered alike, after the same work.
    pub async fn log_in(&self, caller: &Caller, device: &Device, input: LogIn) -> Result<SignedIn> {
        if !self.parts.settings.get().password {
            return Err(Error::new(Code::MethodDisabled, "Signing in by password is switched off."));
        }
        let Candidate { user, phc, guard } = self.candidate(caller, input.identifier).await?;
        let verdict = self.parts.passwords.verify(&input.password, phc.clone()).await?;
        let (Some(user), Some(phc), true) = (user, phc, verdict != Verdict::Wrong) else {
            return Err(invalid_credentials());
        };
        let renewed = match verdict {
            Verdict::RightButOutdated => Some(self.parts.passwords.rehash(&input.password).await?),
            Verdict::Right | Verdict::Wrong => None,
        };
        self.before_sign_in(caller, &user).await?;
        let session = self.new_session(caller, device, user, Method::Password);
        self.open_by_password(caller, session, phc, renewed, guard).await
    }

    /// Finds whom the identifier names and counts the try, before the password is looked at.
    async fn candidate(&self, caller: &Caller, identifier: Identifier) -> Result<Candidate> {
        let auth = self.clone();
        let by = caller.clone();
        let find = move |tx: &mut Tx<'_>| {
            let user = account::holder(tx, &identifier)?;
            // By the account, whichever of its names is tried; by the name where there is no account.
            let named = || format!("{} {}", identifier.field(), identifier.canonical());
            let guard = auth.guard(&by, &user.as_ref().map_or_else(named, ToString::to_string));
            tx.need(guard.reads().into_iter().chain(user.iter().map(credential::read)))?;
            guard.begin(tx)?;
            let phc = user.as_ref().map_or(Ok(None), |user| credential::password(tx, user))?;
            Ok(Candidate { user, phc, guard })
        };
        Ok(self.parts.db.commit(caller, find).await?.value)
    }

    /// Opens a session for whoever knew the password whose hash is `phc`, if it still is the user's.
    async fn open_by_password(
        &self,
        caller: &Caller,
        session: Session,
        phc: String,
        renewed: Option<String>,
        guard: Guard,
    ) -> Result<SignedIn> {
        let (opened, settings) = (session.clone(), self.parts.settings.get());
        let outcome = self.parts.commit_users(caller, move |tx, users| {
            let id = &session.user;
            let own = [account::document_read(id), credential::read(id), session::list_read(id)];
            tx.need(own.into_iter().chain([session::document_read(&session.id)]).chain(guard.reads()))?;
            let (Some(user), true) = (tx.document(&USERS, id)?, still_his(tx, id, &phc)?) else {
                return Err(invalid_credentials().into());
            };
            if User(&user).disabled() {
                return refuse(Code::AccountDisabled, "This account is disabled.");
            }
            guard.succeed(tx)?;
            if let Some(renewed) = &renewed {
                credential::set_password(tx, id, renewed);
            }
            if settings.require_verified_email && User(&user).email().is_some() && !User(&user).email_verified() {
                return refuse(Code::EmailNotVerified, "Confirm your e-mail address first.");
            }
            let mut data = user.data.clone();
            set_last_login(&mut data, tx.now());
            let document = account::put(tx, users, id, Some(&user), data)?;
            session::open(tx, &session, settings.limits.sessions_of_user)?;
            Ok((document, true))
        });
        self.signed_in(caller, opened, outcome.await?).await
    }
}

/// Whether the password that was compared still is the user's.
pub(super) fn still_his(tx: &mut Tx<'_>, user: &DocumentId, phc: &str) -> Flow<bool> {
    Ok(credential::password(tx, user)?.as_deref() == Some(phc))
}

pub(super) fn invalid_credentials() -> Error {
    Error::new(Code::InvalidCredentials, "The name or the password is wrong.")
}
