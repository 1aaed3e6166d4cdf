//! `Idempotency-Key`: the same caller, key and request within a day has one effect and one answer.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest};
use basalt_core::{Caller, Code, Error, Principal, Result};
use basalt_data::documents::Idempotency;
use sha2::{Digest, Sha256};
use utoipa::openapi::ObjectBuilder;

use super::contract::{Argument, Contract};
use crate::problem::Problem;

const MOST_CHARACTERS: usize = 128;
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key, if one was sent, and what it was sent with.
pub(crate) struct IdempotencyKey(Option<Sent>);

struct Sent {
    key: String,
    path: String,
}

impl IdempotencyKey {
    /// Binds the key to the caller's request. Visitors have no identity that a key could belong to.
    pub(crate) fn bind(self, caller: &Caller, body: &[u8]) -> Result<Option<Idempotency>> {
        let Some(Sent { key, path }) = self.0 else { return Ok(None) };
        if matches!(caller.principal, Principal::Visitor) {
            return Err(Error::new(Code::BadRequest, "Idempotency-Key is for signed-in callers."));
        }
        let (method, body_hash) = (caller.request.method.clone(), Sha256::digest(body).into());
        Ok(Some(Idempotency { key, method, path, body_hash }))
    }
}

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request).map_err(Problem::from))
    }
}

pub(super) fn read(request: &HttpRequest) -> Result<IdempotencyKey> {
    let mut values = request.headers().get_all(KEY);
    let Some(first) = values.next() else { return Ok(IdempotencyKey(None)) };
    let good =
        |text: &&str| (1..=MOST_CHARACTERS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let (Some(key), None) = (first.to_str().ok().filter(good), values.next()) else {
        let detail = format!("Idempotency-Key is one header of 1 to {MOST_CHARACTERS} visible ASCII characters.");
        return Err(Error::new(Code::BadRequest, detail));
    };
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    Ok(IdempotencyKey(Some(Sent { key: key.to_owned(), path })))
}

impl Argument for IdempotencyKey {
    fn describe(contract: &mut Contract) {
        let description = "Of a signed-in caller: the same key with the same request within 24 hours has one effect, \
                           and is answered alike with `Idempotency-Replayed: true`.";
        let schema = ObjectBuilder::new().min_length(Some(1)).max_length(Some(MOST_CHARACTERS));
        contract.header("Idempotency-Key", description, schema);
        contract.refuses(&[Code::BadRequest, Code::IdempotencyKeyReused, Code::IdempotencyInProgress]);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use basalt_core::Timestamp;

    use super::*;

    #[test]
    fn keys_are_one_header_of_visible_characters() {
        let read_one = |key: &str| read(&TestRequest::get().insert_header(("Idempotency-Key", key)).to_http_request());
        assert_eq!(read_one("a-b:1").unwrap().0.unwrap().key, "a-b:1");
        for bad in ["", "a b", &"x".repeat(129)] {
            assert!(read_one(bad).is_err(), "{bad:?}");
        }
        let twice = TestRequest::get().append_header(("Idempotency-Key", "a")).append_header(("Idempotency-Key", "b"));
        assert!(read(&twice.to_http_request()).is_err());
    }

    #[test]
    fn visitors_have_no_keys() {
        let mut caller = Caller::system(Timestamp::from_millis(0));
        let sent = || IdempotencyKey(Some(Sent { key: "k".into(), path: "/".into() }));
        assert!(sent().bind(&caller, b"{}").unwrap().is_some());
        caller.principal = Principal::Visitor;
        assert_eq!(sent().bind(&caller, b"{}").unwrap_err().code(), Code::BadRequest);
    }
}
