//! Hashes that other systems made: kept as they came, compared at the first sign-in, and then replaced by one of ours.

use basalt_core::{Code, Error, FieldError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::ConstantTimeEq as _;

use super::argon;
use crate::common::Secret;

const BCRYPT_COST_MOST: u32 = 14;
const PBKDF2_ITERATIONS_MOST: u32 = 2_000_000;
const SCRYPT_MEMORY_MOST: u8 = 16;
const SCRYPT_ROUNDS_MOST: u32 = 16;
const LEANCLOUD_ROUNDS: usize = 512;
/// Of each member of a hash.
const BYTES_MOST: usize = 1_024;

/// As an import names it: `{"algorithm","hash","salt"?,"params"?}`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "algorithm", deny_unknown_fields)]
enum Foreign {
    /// `$2a$`, `$2b$` or `$2y$`, with its cost and salt in it.
    #[serde(rename = "bcrypt")]
    Bcrypt { hash: String },
    /// A PHC string.
    #[serde(rename = "argon2id")]
    Argon2id { hash: String },
    #[serde(rename = "pbkdf2")]
    Pbkdf2 { hash: Bytes, salt: Bytes, params: Pbkdf2 },
    #[serde(rename = "firebase-scrypt")]
    Scrypt { hash: Bytes, salt: Bytes, params: Scrypt },
    /// The salt is a text, as LeanCloud exports it.
    #[serde(rename = "leancloud-sha512")]
    LeanCloud { hash: Bytes, salt: String },
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Pbkdf2 {
    iterations: u32,
    #[serde(default)]
    digest: Digest,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Digest {
    Sha1,
    #[default]
    Sha256,
    Sha512,
}

/// The project's parameters, as the Firebase console shows them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Scrypt {
    signer_key: Bytes,
    salt_separator: Bytes,
    rounds: u32,
    mem_cost: u8,
}

/// Base64 in JSON.
#[derive(Clone, Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64.decode(&text).ok().filter(|bytes| bytes.len() <= BYTES_MOST);
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("this is no base64, or too long"))
    }
}

/// A password's hash as an import names it, in the form in which it is kept.
pub(crate) fn stored(password: Value) -> Result<String> {
    let bad = |message: &str| {
        let fault = FieldError::new("/password", "bad_hash", message);
        Error::new(Code::BadRequest, "The password's hash can't be used.").with_errors(vec![fault])
    };
    // The fault's own text may hold a password that was sent in place of its hash.
    let unknown = |_| bad("A hash is a map of its algorithm and what that needs, and nothing else.");
    let foreign: Foreign = serde_json::from_value(password).map_err(unknown)?;
    foreign.check().map_err(bad)?;
    match foreign {
        // Ours are of this kind, too.
        Foreign::Argon2id { hash } => Ok(hash),
        foreign => serde_json::to_string(&foreign).map_err(Error::internal),
    }
}

/// Whether the password is that of a hash of another system; none where the stored one is ours.
pub(super) fn matches(password: &Secret, stored: &str) -> Option<Result<bool>> {
    stored.starts_with('{').then(|| {
        let foreign: Foreign = serde_json::from_str(stored).map_err(Error::internal)?;
        foreign.matches(password.expose().as_bytes())
    })
}

impl Foreign {
    /// What can't be computed, or would cost too much, is refused when it comes in.
    fn check(&self) -> Result<(), &'static str> {
        let good = match self {
            Self::Bcrypt { hash } => {
                let cost = hash.parse::<bcrypt::HashParts>().map(|parts| parts.get_cost());
                return match cost {
                    Ok(cost) if cost <= BCRYPT_COST_MOST => Ok(()),
                    Ok(_) => Err("bcrypt costs up to 14 are taken."),
                    Err(_) => Err("This is no bcrypt hash."),
                };
            }
            Self::Argon2id { hash } => hash.len() <= BYTES_MOST && argon::is_usable(hash),
            Self::Pbkdf2 { hash, params, .. } => {
                (1..=PBKDF2_ITERATIONS_MOST).contains(&params.iterations) && (16..=64).contains(&hash.0.len())
            }
            Self::Scrypt { hash, params, .. } => {
                let memory = (1..=SCRYPT_MEMORY_MOST).contains(&params.mem_cost);
                memory && (1..=SCRYPT_ROUNDS_MOST).contains(&params.rounds) && hash.0.len() == params.signer_key.0.len()
            }
            Self::LeanCloud { hash, salt } => hash.0.len() == Sha512::output_size() && salt.len() <= BYTES_MOST,
        };
        if good { Ok(()) } else { Err("Its hash or its params are not of this algorithm, or cost too much.") }
    }

    fn matches(&self, password: &[u8]) -> Result<bool> {
        let (made, hash) = match self {
            Self::Bcrypt { hash } => return bcrypt::verify(password, hash).map_err(Error::internal),
            Self::Argon2id { .. } => return Err(Error::internal("argon2id is kept as ours")),
            Self::Pbkdf2 { hash, salt, params } => (params.derive(password, &salt.0, hash.0.len()), hash),
            Self::Scrypt { hash, salt, params } => (params.derive(password, &salt.0)?, hash),
            Self::LeanCloud { hash, salt } => (leancloud(password, salt), hash),
        };
        Ok(made.ct_eq(&hash.0).into())
    }
}

impl Pbkdf2 {
    fn derive(&self, password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
        let mut made = vec![0; length];
        match self.digest {
            Digest::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, self.iterations, &mut made),
            Digest::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, self.iterations, &mut made),
            Digest::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, self.iterations, &mut made),
        }
        made
    }
}

impl Scrypt {
    /// The project's key, encrypted by what scrypt makes of the password (github.com/firebase/scrypt).
    fn derive(&self, password: &[u8], salt: &[u8]) -> Result<Vec<u8>> {
        let params = scrypt::Params::new(self.mem_cost, self.rounds, 1).map_err(Error::internal)?;
        let salt = [salt, &self.salt_separator.0].concat();
        let mut key = [0; 32];
        scrypt::scrypt(password, &salt, &params, &mut key).map_err(Error::internal)?;
        let mut made = self.signer_key.0.clone();
        ctr::Ctr128BE::<aes::Aes256>::new(&key.into(), &[0; 16].into()).apply_keystream(&mut made);
        Ok(made)
    }
}

fn leancloud(password: &[u8], salt: &str) -> Vec<u8> {
    let first = Sha512::digest([salt.as_bytes(), password].concat());
    (0..LEANCLOUD_ROUNDS).fold(first, |hash, _| Sha512::digest(hash)).to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_right(password: &str, hash: Value) -> bool {
        let kept = stored(hash).unwrap();
        matches(&Secret::new(password), &kept).expect("of another system").unwrap()
    }

    /// Made by libxcrypt, Python's hashlib, the vector of github.com/firebase/scrypt and the one of LeanCloud's docs.
    #[test]
    fn hashes_of_other_systems_verify_their_password_alone() {
        let firebase = json!({
            "signerKey": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
            "saltSeparator": "Bw==", "rounds": 8, "memCost": 14,
        });
        let (phrase, salt) = ("a long enough phrase", "c2FsdCBvZiBhbm4=");
        for (password, hash) in [
            (
                phrase,
                json!({"algorithm": "bcrypt", "hash": "$2b$04$N9qo8uLOickgx2ZMRZoMyeq64Nv5rG2P0idpnVmg0FTa8o7mQW5du"}),
            ),
            (
                phrase,
                json!({"algorithm": "bcrypt", "hash": "$2y$05$N9qo8uLOickgx2ZMRZoMyejwKnRm2AMVCkoSht.RTJC6dI6iVjUF6"}),
            ),
            (
                phrase,
                json!({
                    "algorithm": "pbkdf2", "hash": "xFIcu4mJH3axrm/0Mc7Xl8Y6TADIwhSpDd679LMs4VU=", "salt": salt,
                    "params": {"iterations": 1000},
                }),
            ),
            (
                phrase,
                json!({
                    "algorithm": "pbkdf2", "salt": salt, "params": {"iterations": 1000, "digest": "sha512"},
                    "hash": "ifmeWjzpWgH/yVp/jKFnFE3AtAr4I5/dAdOkkHUJHgH88mJ8WrFVdAdsKnX3RZP+DQFSw/TyM6UF6ytdRWzA/A==",
                }),
            ),
            (
                phrase,
                json!({
                    "algorithm": "pbkdf2", "salt": salt, "params": {"iterations": 1000, "digest": "sha1"},
                    "hash": "dLE593q1kPiW9x4A9FAuZDBw5Kw=",
                }),
            ),
            (
                "user1password",
                json!({
                    "algorithm": "firebase-scrypt", "salt": "42xEC+ixf3L2lw==", "params": firebase,
                    "hash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
                }),
            ),
            (
                "password",
                json!({
                    "algorithm": "leancloud-sha512", "salt": "h60d8x797d3oa0naxybxxv9bn7xpt2yiowz68mpiwou7gwr2",
                    "hash": "tA7BLW+NK0UeARng0693gCaVnljkglCB9snqlpCSUKjx2RgYp8VZZOQt0S5iUtlDrkJXfT3gknS4rRqjYsd/Ug==",
                }),
            ),
        ] {
            assert!(is_right(password, hash.clone()), "{hash}");
            assert!(!is_right("another phrase", hash.clone()), "{hash}");
        }
    }

    #[test]
    fn what_cannot_be_compared_or_costs_too_much_is_refused() {
        let pbkdf2 = |iterations: u64| json!({"algorithm": "pbkdf2", "hash": "xFIcu4mJH3axrm/0Mc7Xl8Y6TADIwhSpDd679LMs4VU=", "salt": "", "params": {"iterations": iterations}});
        for odd in [
            json!("a long enough phrase"),
            json!({"algorithm": "md5", "hash": "x"}),
            json!({"algorithm": "bcrypt", "hash": "x"}),
            json!({"algorithm": "bcrypt", "hash": "$2b$20$N9qo8uLOickgx2ZMRZoMyeq64Nv5rG2P0idpnVmg0FTa8o7mQW5du"}),
            json!({"algorithm": "bcrypt", "hash": "$2b$04$N9qo8uLOickgx2ZMRZoMyeq64Nv5rG2P0idpnVmg0FTa8o7mQW5du", "more": 1}),
            json!({"algorithm": "argon2id", "hash": "$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ"}),
            json!({"algorithm": "leancloud-sha512", "hash": "AAAA", "salt": "s"}),
            json!({"algorithm": "pbkdf2", "hash": "no base64", "salt": "", "params": {"iterations": 1}}),
            pbkdf2(0),
            pbkdf2(1_000_000_000),
        ] {
            assert_eq!(stored(odd.clone()).unwrap_err().code(), Code::BadRequest, "{odd}");
        }
    }
}
