use basalt_core::{Caller, Result};

use super::{Auth, LogOutScope, own, session};

impl Auth {
    /// Ends sessions of the caller.
    pub async fn log_out(&self, caller: &Caller, scope: LogOutScope) -> Result<()> {
        let (user, current) = own(caller)?;
        let decide = move |tx: &mut crate::common::Tx<'_>| {
            session::end_where(tx, &user, |id| match scope {
                LogOutScope::Current => *id == current,
                LogOutScope::Others => *id != current,
                LogOutScope::All => true,
            })
        };
        self.parts.commit(caller, decide).await?;
        Ok(())
    }
}
