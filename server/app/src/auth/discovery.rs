use serde_json::{Value, json};

use super::Auth;

impl Auth {
    /// `/.well-known/jwks.json`: the keys whose tokens count.
    pub fn jwks(&self) -> Value {
        self.parts.keyring.jwks()
    }

    /// `/.well-known/openid-configuration`: what is served, and nothing else.
    pub fn openid_configuration(&self) -> Value {
        let settings = self.parts.settings.get();
        let issuer = &settings.issuer;
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "subject_types_supported": ["public"],
            "response_types_supported": [],
            "id_token_signing_alg_values_supported": ["EdDSA"],
            "claims_supported":
                ["iss", "aud", "sub", "sid", "roles", "claims", "amr", "auth_time", "iat", "nbf", "exp"],
        })
    }
}
