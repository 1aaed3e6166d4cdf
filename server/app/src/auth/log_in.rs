use basalt_core::{Caller, Result};

use super::{Auth, Identifier, SignedIn};
use crate::common::{Device, Secret};

#[derive(Clone, Debug)]
pub struct LogIn {
    pub identifier: Identifier,
    pub password: Secret,
}

impl Auth {
    /// Signs in by password.
    pub async fn log_in(&self, _caller: &Caller, _device: &Device, _input: LogIn) -> Result<SignedIn> {
        unimplemented!()
    }
}
