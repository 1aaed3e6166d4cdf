//! Access tokens: JWTs (RFC 9068, `at+jwt`) signed with EdDSA. They prove a user and a session; the roles and claims
//! in them are for other services.

use std::time::Duration;

use basalt_core::{Code, DocumentId, Error, Result, Timestamp};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::keyring::{KeyRing, SigningKey};
use super::settings::AuthSettings;
use crate::common::Secret;

const TYP: &str = "at+jwt";
/// How much earlier than "not before" a token is taken: nodes' clocks differ.
const LEEWAY: Duration = Duration::from_mins(1);
/// Longer ones are no tokens of ours.
const MOST_BYTES: usize = 16 * 1024;

/// What goes into a token.
pub(super) struct Grant<'a> {
    pub user: &'a DocumentId,
    pub session: &'a DocumentId,
    pub roles: Vec<String>,
    pub claims: Map<String, Value>,
    pub amr: Vec<String>,
    pub authenticated_at: Timestamp,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    sid: &'a str,
    roles: &'a [String],
    claims: &'a Map<String, Value>,
    amr: &'a [String],
    auth_time: i64,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// What is read of a token; all of it has to be there, and of this type.
#[derive(Deserialize)]
struct Proof {
    sub: String,
    sid: String,
    nbf: i64,
    exp: i64,
}

/// A token whose signature, issuer, audience and form are right.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verified {
    pub user: DocumentId,
    pub session: DocumentId,
    not_before: i64,
    expires: i64,
}

impl Verified {
    pub(super) fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires.saturating_mul(1_000))
    }

    pub(super) fn check_time(&self, now: Timestamp) -> Result<()> {
        if now.seconds() >= self.expires {
            return Err(Error::new(Code::TokenExpired, "The access token has expired; refresh it."));
        }
        if now.plus(LEEWAY).seconds() < self.not_before {
            return Err(invalid("the token is not valid yet"));
        }
        Ok(())
    }
}

/// Signs a token. It never outlives its session.
pub(super) fn sign(
    key: &SigningKey,
    settings: &AuthSettings,
    grant: &Grant<'_>,
    session_ends: Timestamp,
    now: Timestamp,
) -> Result<(Secret, Duration)> {
    let life = settings.access_token_life.min(session_ends.since(now));
    let payload = Payload {
        iss: &settings.issuer,
        aud: &settings.audience,
        sub: grant.user.as_str(),
        sid: grant.session.as_str(),
        roles: &grant.roles,
        claims: &grant.claims,
        amr: &grant.amr,
        auth_time: grant.authenticated_at.seconds(),
        iat: now.seconds(),
        nbf: now.seconds(),
        exp: now.plus(life).seconds(),
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYP.into());
    header.kid = Some(key.id.clone());
    let token = jsonwebtoken::encode(&header, &payload, &key.private).map_err(Error::internal)?;
    Ok((Secret::new(token), life))
}

/// Checks everything but the time, which [`Verified::check_time`] does at each use; also says which key signed.
pub(super) async fn verify(token: &Secret, keyring: &KeyRing, settings: &AuthSettings) -> Result<(Verified, String)> {
    let token = token.expose();
    if token.len() > MOST_BYTES {
        return Err(invalid("the token is too long"));
    }
    let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
    let (Some(kid), Some(TYP)) = (&header.kid, header.typ.as_deref()) else {
        return Err(invalid("kid or typ is missing or another"));
    };
    let key = keyring.public(kid).await?.ok_or_else(|| invalid("no such key"))?;
    // The key says the algorithm, never the token.
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[&settings.issuer]);
    validation.set_audience(&[&settings.audience]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    // By our own clock, in check_time.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let proof = jsonwebtoken::decode::<Proof>(token, &key, &validation).map_err(invalid)?.claims;
    let verified = Verified {
        user: DocumentId::parse(&proof.sub).map_err(invalid)?,
        session: DocumentId::parse(&proof.sid).map_err(invalid)?,
        not_before: proof.nbf,
        expires: proof.exp,
    };
    Ok((verified, kid.clone()))
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::new(Code::InvalidToken, "The access token is not valid.").caused_by(why)
}
