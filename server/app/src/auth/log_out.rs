use basalt_core::{Caller, Result};

use super::{Auth, LogOutScope};

impl Auth {
    /// Ends sessions of the caller.
    pub async fn log_out(&self, _caller: &Caller, _scope: LogOutScope) -> Result<()> {
        unimplemented!()
    }
}
