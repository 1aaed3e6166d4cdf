//! `If-Match`, `If-None-Match`, and with `Idempotency-Key` the terms of a write.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpRequest};
use basalt_core::{Caller, Code, Error, Result};
use basalt_data::documents::{EntityTags, WriteOptions};
use utoipa::openapi::ObjectBuilder;

use super::contract::{Argument, Contract};
use super::idempotency::{self, IdempotencyKey};
use crate::problem::Problem;

/// The answer is sent in full only on none of these revisions.
pub(crate) struct IfNoneMatch(pub(crate) Option<EntityTags>);

/// The terms on which a write of one document takes place.
pub(crate) struct Terms {
    if_match: Option<EntityTags>,
    if_none_match: Option<EntityTags>,
    key: IdempotencyKey,
}

impl Terms {
    pub(crate) fn options(self, caller: &Caller, body: &[u8]) -> Result<WriteOptions> {
        let (if_match, if_none_match) = (self.if_match, self.if_none_match);
        Ok(WriteOptions {
            if_match,
            if_none_match,
            idempotency: self.key.bind(caller, body)?,
            ..WriteOptions::default()
        })
    }
}

pub(crate) fn tags(request: &HttpRequest, name: &HeaderName) -> Result<Option<EntityTags>, Problem> {
    let mut values = request.headers().get_all(name);
    let Some(first) = values.next() else { return Ok(None) };
    let (Ok(text), None) = (first.to_str(), values.next()) else {
        return Err(Error::new(Code::BadRequest, format!("The header {name} can't be read.")).into());
    };
    Ok(Some(EntityTags::parse(text)?))
}

impl FromRequest for Terms {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || {
            let if_match = tags(request, &header::IF_MATCH)?;
            let if_none_match = tags(request, &header::IF_NONE_MATCH)?;
            Ok(Self { if_match, if_none_match, key: idempotency::read(request)? })
        };
        ready(read())
    }
}

impl FromRequest for IfNoneMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(tags(request, &header::IF_NONE_MATCH).map(Self))
    }
}

impl Argument for IfNoneMatch {
    fn describe(contract: &mut Contract) {
        let description = "Revisions in double quotes: 304 where the document still has one of them.";
        contract.header("If-None-Match", description, ObjectBuilder::new());
        contract.refuses(&[Code::BadRequest]);
    }
}

impl Argument for Terms {
    fn describe(contract: &mut Contract) {
        let description = "Revisions in double quotes, or `*` for any: 412 unless the stored document has one of them.";
        contract.header("If-Match", description, ObjectBuilder::new());
        let description = "Revisions in double quotes, or `*` for any: 412 if the stored document has one of them.";
        contract.header("If-None-Match", description, ObjectBuilder::new());
        contract.refuses(&[Code::BadRequest, Code::PreconditionFailed]);
        IdempotencyKey::describe(contract);
    }
}
