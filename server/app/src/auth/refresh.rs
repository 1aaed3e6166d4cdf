use basalt_core::{Caller, Result};

use super::{Auth, SessionTokens};
use crate::common::{Device, Secret};

impl Auth {
    /// Rotates a refresh token.
    pub async fn refresh(&self, _caller: &Caller, _device: &Device, _token: &Secret) -> Result<SessionTokens> {
        unimplemented!()
    }
}
