use std::sync::Arc;

use basalt_core::{Caller, Code, Document, Error, Result};

use super::principal::session_ended;
use super::refresh_token::{RefreshToken, invalid};
use super::session::{self, Counter, Session};
use super::user::User;
use super::{Auth, SessionTokens, account};
use crate::common::names::USERS;
use crate::common::{Device, Flow, Secret, Tx, refuse};

/// What a refresh token turned out to be.
enum Refreshed {
    /// The live one, or one whose answer may have got lost: the session goes on with this counter.
    Goes { user: Arc<Document>, session: Box<Session>, counter: u32 },
    /// A spent one: somebody has a copy, so the session has ended.
    Reused,
}

impl Auth {
    /// Rotates a refresh token. A spent one that comes within the grace gives the very successor it gave before, and
    /// later ends the session.
    pub async fn refresh(&self, caller: &Caller, device: &Device, token: &Secret) -> Result<SessionTokens> {
        let token = self.parts.keyring.refresh_key().open(token)?;
        let grace = self.parts.settings.get().refresh_grace;
        let (ip, agent) = (caller.request.ip.map(|ip| ip.to_string()), device.agent.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let Some((document, mut session, counter, user)) = read(tx, &token)? else {
                return Err(session_ended().into());
            };
            if User(&user).disabled() {
                return refuse(Code::AccountDisabled, "This account is disabled.");
            }
            let spent_in_grace =
                token.counter.checked_add(1) == Some(counter.value) && tx.now().since(counter.rotated_at) <= grace;
            if spent_in_grace {
                return Ok(Refreshed::Goes { user, session: Box::new(session), counter: counter.value });
            }
            if token.counter < counter.value {
                session::end(tx, &user.id, &session.id)?;
                return Ok(Refreshed::Reused);
            }
            // Ahead of the counter: sealed by us, but before the database went back in time.
            if token.counter > counter.value {
                return Err(session_ended().into());
            }
            let next = counter.value.checked_add(1).ok_or_else(|| Error::internal("a refresh counter is full"))?;
            (session.last_used_at, session.ip, session.agent) = (tx.now(), ip.clone(), agent.clone());
            session::touch(tx, &document, &session);
            session::put_counter(tx, &session, Counter { value: next, rotated_at: tx.now() });
            Ok(Refreshed::Goes { user, session: Box::new(session), counter: next })
        };
        match self.parts.commit(caller, decide).await?.value {
            Refreshed::Goes { user, session, counter } => {
                let roles = self.effective_roles(User(&user).roles()).await?;
                self.tokens(&user, roles, &session, counter)
            }
            Refreshed::Reused => {
                tracing::warn!(request = %caller.request.id, "a spent refresh token was used: its session has ended");
                Err(session_ended())
            }
        }
    }
}

type Found = (Arc<Document>, Session, Counter, Arc<Document>);

fn read(tx: &mut Tx<'_>, token: &RefreshToken) -> Flow<Option<Found>> {
    tx.need([session::document_read(&token.session), crate::common::cell(&session::counter_key(&token.session))])?;
    let Some((document, session)) = session::live(tx, &token.session)? else { return Ok(None) };
    let Some(counter) = session::counter(tx, &token.session)? else { return Ok(None) };
    tx.need([account::document_read(&session.user), session::list_read(&session.user)])?;
    let Some(user) = tx.document(&USERS, &session.user)? else { return Err(invalid().into()) };
    Ok(Some((document, session, counter, user)))
}
