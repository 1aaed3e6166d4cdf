//! Secrets that the server has to know itself (of webhooks, of functions): kept so that the database alone tells none.
//!
//! AES-256 in counter mode under a random nonce, then HMAC-SHA256 over where it belongs, the nonce and the text: what
//! was changed, or put in another's place, isn't opened.

use basalt_core::random::{self, Random};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{MasterSecret, Secret};

const NONCE: usize = 16;
const TAG: usize = 32;
/// Of the form, so that another may follow.
const PREFIX: &str = "s1.";

/// Seals and opens the secrets of one purpose.
#[derive(Clone)]
pub(crate) struct Sealer {
    cipher: [u8; 32],
    mac: [u8; 32],
}

impl Sealer {
    pub(crate) fn new(master: &MasterSecret, purpose: &str) -> Self {
        Self { cipher: master.derive(purpose, "cipher"), mac: master.derive(purpose, "mac") }
    }

    /// `place` says where it belongs (`crm`, `live/STRIPE_KEY`): it is opened there alone.
    pub(crate) fn seal(&self, place: &str, secret: &Secret, random: &dyn Random) -> String {
        let nonce = random::bytes::<NONCE>(random);
        let mut text = secret.expose().as_bytes().to_vec();
        self.apply(nonce, &mut text);
        let tag = self.tag(place, &nonce, &text);
        let whole: Vec<u8> = nonce.into_iter().chain(text).chain(tag).collect();
        format!("{PREFIX}{}", STANDARD_NO_PAD.encode(whole))
    }

    /// `None`: it was sealed under another master secret, for another place, or was changed.
    pub(crate) fn open(&self, place: &str, sealed: &str) -> Option<Secret> {
        let whole = STANDARD_NO_PAD.decode(sealed.strip_prefix(PREFIX)?).ok()?;
        let (rest, tag) = whole.split_at_checked(whole.len().checked_sub(TAG)?)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>()?;
        self.mac(place, nonce, text)?.verify_slice(tag).ok()?;
        let mut text = text.to_vec();
        self.apply(*nonce, &mut text);
        String::from_utf8(text).ok().map(Secret::from)
    }

    fn apply(&self, nonce: [u8; NONCE], text: &mut [u8]) {
        ctr::Ctr128BE::<aes::Aes256>::new(&self.cipher.into(), &nonce.into()).apply_keystream(text);
    }

    fn tag(&self, place: &str, nonce: &[u8], text: &[u8]) -> Vec<u8> {
        // A key of any length is one of HMAC; without a tag it would not be opened again.
        self.mac(place, nonce, text).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
    }

    fn mac(&self, place: &str, nonce: &[u8], text: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.mac).ok()?;
        mac.update(&u64::try_from(place.len()).ok()?.to_be_bytes());
        for part in [place.as_bytes(), nonce, text] {
            mac.update(part);
        }
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn sealer(secret: &str, purpose: &str) -> Sealer {
        Sealer::new(&MasterSecret::from_text(&secret.repeat(8)).unwrap(), purpose)
    }

    #[test]
    fn what_is_sealed_is_opened_in_its_place_alone() {
        let sealer_of = |secret, purpose| sealer(secret, purpose);
        let good = sealer_of("abcdef", "webhooks");
        let kept = good.seal("crm", &Secret::new("whsec_x"), &Fixed(1));
        assert!(!kept.contains("whsec"));
        assert_eq!(good.open("crm", &kept).unwrap().expose(), "whsec_x");
        assert!(good.open("crn", &kept).is_none());
        assert!(sealer_of("abcdef", "functions").open("crm", &kept).is_none());
        assert!(sealer_of("ghijkl", "webhooks").open("crm", &kept).is_none());
        assert_ne!(kept, good.seal("crm", &Secret::new("whsec_x"), &Fixed(2)), "a nonce of its own");
        let empty = good.seal("crm", &Secret::new(""), &Fixed(1));
        assert_eq!(good.open("crm", &empty).unwrap().expose(), "");
    }

    #[test]
    fn what_was_changed_is_not_opened() {
        let sealer = sealer("abcdef", "webhooks");
        let kept = sealer.seal("crm", &Secret::new("whsec_x"), &Fixed(1));
        let mut bytes = STANDARD_NO_PAD.decode(&kept[PREFIX.len()..]).unwrap();
        bytes[NONCE] ^= 1;
        for bad in
            [format!("{PREFIX}{}", STANDARD_NO_PAD.encode(bytes)), String::new(), PREFIX.into(), "s2.AAAA".into()]
        {
            assert!(sealer.open("crm", &bad).is_none(), "{bad}");
        }
    }
}
