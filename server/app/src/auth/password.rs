use basalt_core::{Caller, Result};

use super::Auth;
use crate::common::Secret;

#[derive(Clone, Debug)]
pub struct ChangePassword {
    pub current: Secret,
    pub new: Secret,
}

impl Auth {
    /// Changes the caller's password and ends his other sessions.
    pub async fn change_password(&self, _caller: &Caller, _input: ChangePassword) -> Result<()> {
        unimplemented!()
    }
}
