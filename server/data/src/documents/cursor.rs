//! Cursors: opaque texts that hold where a page ended, bound to the query and the caller that they were given to.
//!
//! Base64url of a keyed hash (over the binding and the place) and the place as JSON. Whatever isn't exactly what this
//! server gave for the same question is `bad_cursor`.

use basalt_core::{Caller, Code, Error, Principal, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// Bytes of the hash that a cursor carries.
const HASH: usize = 16;

/// The key of this server's cursors.
#[derive(Clone)]
pub(crate) struct CursorKey([u8; 32]);

/// What a cursor belongs to.
pub(crate) struct Question(Vec<u8>);

impl Question {
    /// `kind` tells lists from aggregates.
    pub(crate) fn new(kind: &str, caller: &Caller) -> Self {
        let who = match &caller.principal {
            Principal::Visitor => "visitor".to_owned(),
            Principal::User(user) => format!("user:{}", user.id),
            Principal::Service(key) => format!("service:{}", key.id),
            Principal::Operator(operator) => format!("operator:{}", operator.id),
            Principal::System => "system".to_owned(),
        };
        Self(Vec::new()).with(kind).with(&who)
    }

    /// Adds a part of the query; parts don't run into one another.
    pub(crate) fn with(mut self, part: impl Serialize) -> Self {
        let text = serde_json::to_vec(&part).unwrap_or_default();
        self.0.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.extend_from_slice(&text);
        self
    }
}

impl CursorKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    pub(crate) fn seal(&self, question: &Question, place: &impl Serialize) -> Result<String> {
        let place = serde_json::to_vec(place).map_err(Error::internal)?;
        let hash = self.hash(question, &place)?.finalize().into_bytes();
        let mut bytes = hash[..HASH].to_vec();
        bytes.extend_from_slice(&place);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn open<T: DeserializeOwned>(&self, question: &Question, cursor: &str) -> Result<T> {
        let bad = || Error::new(Code::BadCursor, "This cursor does not belong to this query.");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
        let (hash, place) = bytes.split_at_checked(HASH).ok_or_else(bad)?;
        self.hash(question, place)?.verify_truncated_left(hash).map_err(|_| bad())?;
        serde_json::from_slice(place).map_err(|_| bad())
    }

    fn hash(&self, question: &Question, place: &[u8]) -> Result<Hmac<Sha256>> {
        let mut hash = Hmac::<Sha256>::new_from_slice(&self.0).map_err(Error::internal)?;
        hash.update(&question.0);
        hash.update(place);
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basalt_core::Timestamp;

    fn question(filter: &str) -> Question {
        Question::new("list", &Caller::system(Timestamp::from_millis(0))).with(filter)
    }

    fn key() -> CursorKey {
        CursorKey::new([7; 32])
    }

    #[test]
    fn a_cursor_opens_for_its_question_only() {
        let cursor = key().seal(&question("a"), &(1, "x")).unwrap();
        assert_eq!(key().open::<(i64, String)>(&question("a"), &cursor).unwrap(), (1, "x".to_owned()));
        for error in [
            key().open::<(i64, String)>(&question("b"), &cursor).unwrap_err(),
            key().open::<(i64, String)>(&question("a").with(""), &cursor).unwrap_err(),
            CursorKey::new([8; 32]).open::<(i64, String)>(&question("a"), &cursor).unwrap_err(),
        ] {
            assert_eq!(error.code(), Code::BadCursor);
        }
        let visitor = Caller { principal: Principal::Visitor, ..Caller::system(Timestamp::from_millis(0)) };
        assert!(key().open::<(i64, String)>(&Question::new("list", &visitor).with("a"), &cursor).is_err());
    }

    #[test]
    fn any_tampering_is_a_bad_cursor() {
        let cursor = key().seal(&question("a"), &(1, "x")).unwrap();
        for index in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(bytes).unwrap();
            let opened = key().open::<(i64, String)>(&question("a"), &text);
            assert_eq!(opened.unwrap_err().code(), Code::BadCursor, "{index}");
        }
        for bad in ["", "A", "!!!", "é", &"A".repeat(22), &cursor[..cursor.len() - 1]] {
            let opened = key().open::<(i64, String)>(&question("a"), bad);
            assert_eq!(opened.unwrap_err().code(), Code::BadCursor, "{bad}");
        }
    }
}
