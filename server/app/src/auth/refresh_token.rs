//! Refresh tokens: `bst_rt_` and base64url of version ‖ session ‖ counter ‖ MAC. There is no row per token: the
//! session's counter says which one is the live one, and the MAC's key is not in the database.

use basalt_core::{Code, DocumentId, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::common::{MasterSecret, Secret};

const PREFIX: &str = "bst_rt_";
const VERSION: u8 = 1;
/// Of the ids that the server makes.
const ID_BYTES: usize = 24;
const MAC_BYTES: usize = 16;
const SIGNED_BYTES: usize = 1 + ID_BYTES + 4;

/// The key of the MACs.
#[derive(Clone)]
pub(super) struct RefreshKey([u8; 32]);

/// What a token names: the n-th of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RefreshToken {
    pub session: DocumentId,
    pub counter: u32,
}

impl RefreshKey {
    pub(super) fn new(master: &MasterSecret) -> Self {
        Self(master.derive("refresh token", ""))
    }

    pub(super) fn seal(&self, token: &RefreshToken) -> Secret {
        let mut bytes = Vec::with_capacity(SIGNED_BYTES + MAC_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(token.session.as_str().as_bytes());
        bytes.extend_from_slice(&token.counter.to_be_bytes());
        bytes.extend_from_slice(&self.mac(&bytes));
        Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Only what [`RefreshKey::seal`] made is opened.
    pub(super) fn open(&self, token: &Secret) -> Result<RefreshToken> {
        let bytes = token.expose().strip_prefix(PREFIX).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let bytes = bytes.filter(|bytes| bytes.len() == SIGNED_BYTES + MAC_BYTES && bytes[0] == VERSION);
        let bytes = bytes.ok_or_else(invalid)?;
        let (signed, mac) = bytes.split_at(SIGNED_BYTES);
        if !bool::from(self.mac(signed).ct_eq(mac)) {
            return Err(invalid());
        }
        let (id, counter) = signed[1..].split_at(ID_BYTES);
        let session = std::str::from_utf8(id).ok().and_then(|text| DocumentId::parse(text).ok()).ok_or_else(invalid)?;
        let counter = counter.iter().fold(0, |value, byte| (value << 8) | u32::from(*byte));
        Ok(RefreshToken { session, counter })
    }

    fn mac(&self, signed: &[u8]) -> [u8; MAC_BYTES] {
        let mut short = [0; MAC_BYTES];
        // A slice of any length is a key of HMAC, so there always is one.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) {
            mac.update(signed);
            short.copy_from_slice(&mac.finalize().into_bytes()[..MAC_BYTES]);
        }
        short
    }
}

pub(super) fn invalid() -> Error {
    Error::new(Code::InvalidToken, "The refresh token is not valid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> RefreshKey {
        RefreshKey::new(&MasterSecret::from_text(text).unwrap())
    }

    fn token() -> RefreshToken {
        RefreshToken { session: DocumentId::parse("0123456789abcdefghijklmn").unwrap(), counter: 0x0102_0304 }
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let key = key("a secret of thirty-two bytes or more");
        let sealed = key.seal(&token());
        assert!(sealed.expose().starts_with("bst_rt_"));
        assert_eq!(sealed.expose().len(), 67);
        assert_eq!(key.open(&sealed).unwrap(), token());
        assert_eq!(sealed, key.seal(&token()), "the same token is sealed alike: a repeated answer is the same");
    }

    #[test]
    fn any_other_bit_is_refused() {
        let key = key("a secret of thirty-two bytes or more");
        let sealed = key.seal(&token());
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.expose()[PREFIX.len()..]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(forged)));
            assert_eq!(key.open(&forged).unwrap_err().code(), Code::InvalidToken, "bit {bit}");
        }
        for bad in ["", "bst_rt_", "bst_rt_!!", "bst_sk_AAAA", &sealed.expose()[..60], &format!("{}=", sealed.expose())]
        {
            assert!(key.open(&Secret::new(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn another_deployments_token_is_refused() {
        let sealed = key("a secret of thirty-two bytes or more").seal(&token());
        assert!(key("another secret of thirty-two bytes..").open(&sealed).is_err());
    }
}
