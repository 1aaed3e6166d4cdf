use serde_json::Value;

use super::Auth;

impl Auth {
    /// `/.well-known/jwks.json`
    pub fn jwks(&self) -> Value {
        unimplemented!()
    }

    /// `/.well-known/openid-configuration`: what is served, and nothing else.
    pub fn openid_configuration(&self) -> Value {
        unimplemented!()
    }
}
