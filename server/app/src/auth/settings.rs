use std::time::Duration;

use serde::Deserialize;

use crate::common::duration::deserialize;

/// How people sign up and in: the section `[auth]` of `app.toml`, and who issues the tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthSettings {
    /// Whether people may make accounts themselves.
    pub sign_up: bool,
    /// Whether accounts without credentials may be made.
    pub anonymous: bool,
    /// Whether passwords sign in.
    pub password: bool,
    /// Whether an address has to be proven before its holder gets a session.
    pub require_verified_email: bool,
    #[serde(deserialize_with = "deserialize")]
    pub access_token_life: Duration,
    /// Of a whole session, from sign-in on, however often it is refreshed.
    #[serde(deserialize_with = "deserialize")]
    pub refresh_token_life: Duration,
    /// How long a spent refresh token still gives its successor, for an answer that got lost.
    #[serde(deserialize_with = "deserialize")]
    pub refresh_grace: Duration,
    /// In characters; passwords are at most 1,024 bytes.
    pub password_min_length: usize,
    pub redirect_urls: Vec<String>,
    /// `iss` of the tokens: the deployment's public URL (without a slash at its end). Given by the node.
    #[serde(skip)]
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
    pub limits: Limits,
}

/// What one network or account may try. Networks are single IPv4 addresses and IPv6 /64s.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// New accounts of one network in an hour, anonymous ones too.
    pub sign_ups_per_hour: u32,
    /// Wrong passwords of one account before it has to wait.
    pub tries_of_account: u32,
    /// Wrong passwords from one network before it has to wait.
    pub tries_of_network: u32,
    /// The longest that anybody has to wait.
    #[serde(deserialize_with = "deserialize")]
    pub longest_wait: Duration,
    /// Sessions that one user has at a time; a further one ends the oldest.
    pub sessions_of_user: usize,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            sign_up: true,
            anonymous: false,
            password: true,
            require_verified_email: false,
            access_token_life: Duration::from_secs(15 * 60),
            refresh_token_life: Duration::from_secs(30 * 24 * 3600),
            refresh_grace: Duration::from_secs(10),
            password_min_length: 8,
            redirect_urls: Vec::new(),
            issuer: "http://localhost:7070".into(),
            audience: "basalt".into(),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sign_ups_per_hour: 100,
            tries_of_account: 5,
            tries_of_network: 50,
            longest_wait: Duration::from_secs(15 * 60),
            sessions_of_user: 100,
        }
    }
}
