use basalt_core::{Caller, Result};
use serde_json::{Map, Value};

use super::{Auth, Identifier, SignedIn};
use crate::common::{Device, Secret};

/// A person's own account: one identifier at least, a password, and the fields that are his.
#[derive(Clone, Debug)]
pub struct SignUp {
    pub identifiers: Vec<Identifier>,
    pub password: Secret,
    /// Never the server's fields: those are 403 `field_protected`.
    pub data: Map<String, Value>,
}

impl Auth {
    /// Makes an account, or turns the caller's anonymous one into a full one with the same id, and signs in.
    pub async fn sign_up(&self, _caller: &Caller, _device: &Device, _input: SignUp) -> Result<SignedIn> {
        unimplemented!()
    }
}
