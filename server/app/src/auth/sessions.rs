use basalt_core::{Caller, Code, DocumentId, Error, Result};

use super::{Auth, SessionInfo, own, session};

impl Auth {
    /// The caller's sessions, newest first.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<SessionInfo>> {
        let (user, current) = own(caller)?;
        self.sessions_of(user, Some(current)).await
    }

    /// Ends one of the caller's sessions.
    pub async fn end_session(&self, caller: &Caller, session: &DocumentId) -> Result<()> {
        let (user, _) = own(caller)?;
        let id = session.clone();
        let ended = self.parts.commit(caller, move |tx| session::end(tx, &user, &id)).await?.value;
        if ended { Ok(()) } else { Err(Error::new(Code::SessionNotFound, "There is no such session.")) }
    }

    pub(super) async fn sessions_of(&self, user: DocumentId, current: Option<DocumentId>) -> Result<Vec<SessionInfo>> {
        let sessions = self.parts.db.inspect(move |tx| session::all(tx, &user)).await?;
        Ok(sessions.into_iter().rev().map(|session| session.info(current.as_ref())).collect())
    }
}
