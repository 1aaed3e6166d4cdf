use basalt_core::{Caller, Result};

use super::{Auth, SignedIn};
use crate::common::Device;

impl Auth {
    /// Makes a user without any credential and signs in.
    pub async fn anonymous(&self, _caller: &Caller, _device: &Device) -> Result<SignedIn> {
        unimplemented!()
    }
}
