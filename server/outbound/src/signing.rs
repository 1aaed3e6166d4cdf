//! Standard Webhooks: the receiver can tell that a message is ours, whole, and not an old one sent again.
//!
//! The signed text is `{id}.{seconds}.{body}` (github.com/standard-webhooks/standard-webhooks, "Signature scheme").

use std::fmt;

use basalt_core::Timestamp;
use basalt_core::random::{self, Random};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// Bytes of a key, and of the ones made here.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const MADE: usize = 32;

/// A key that messages are signed with; its `Debug` form tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Box<[u8]>);

impl SigningSecret {
    pub fn generate(random: &dyn Random) -> Self {
        Self(Box::new(random::bytes::<MADE>(random)))
    }

    /// `whsec_` and 24 to 64 bytes in base 64.
    pub fn parse(text: &str) -> Option<Self> {
        let key = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        BYTES.contains(&key.len()).then(|| Self(key.into()))
    }

    /// The text itself, for the one who is to check signatures.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    fn signature(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        // A key of any length is one of HMAC, so nothing is ever sent unsigned.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{}.", at.seconds()).as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// `webhook-id`, `webhook-timestamp` and `webhook-signature`: one signature for each secret, so that a receiver may
/// know the old one or the new one while they change.
pub(crate) fn headers(secrets: &[SigningSecret], id: &str, at: Timestamp, body: &[u8]) -> [(String, String); 3] {
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.signature(id, at, body)).collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.seconds().to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standards_own_example() {
        // From the test vectors of the reference implementations.
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::from_millis(1_614_265_330_000);
        let body = br#"{"test": 2432232314}"#;
        let signature = secret.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_of_the_standards_size_and_are_never_shown() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(secret.expose(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
        for bad in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"] {
            assert!(SigningSecret::parse(bad).is_none(), "{bad}");
        }
    }
}
