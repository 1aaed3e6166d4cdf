use basalt_core::{Caller, DocumentId, Result};

use super::{Auth, SessionInfo};

impl Auth {
    /// The caller's sessions, newest first.
    pub async fn sessions(&self, _caller: &Caller) -> Result<Vec<SessionInfo>> {
        unimplemented!()
    }

    /// Ends one of the caller's sessions.
    pub async fn end_session(&self, _caller: &Caller, _session: &DocumentId) -> Result<()> {
        unimplemented!()
    }
}
