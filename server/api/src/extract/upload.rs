//! A file on its way in: its bytes as they come, and what its headers say of it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpRequest};
use basalt_app::files::{Declared, PieceFuture, Pieces, Wish};
use basalt_core::{Code, Error, Result, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Map, Value};
use utoipa::openapi::ObjectBuilder;

use super::body::uncompressed;
use super::caller::service;
use super::contract::{Argument, Contract};
use super::preconditions::tags;
use crate::problem::Problem;
use crate::streams::{Seat, Streams};

/// What an app says of its file, base64 of JSON.
const FILE_DATA: HeaderName = HeaderName::from_static("basalt-file-data");

/// The bytes of a body, in pieces. A server that stops reads no further.
pub(crate) struct FileBody {
    payload: Payload,
    seat: Seat,
}

/// What the headers say of a file that is sent as a body.
pub(crate) struct FileTerms {
    pub(crate) declared: Declared,
    pub(crate) wish: Wish,
}

impl FileBody {
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>> {
        let broken = |error| Error::new(Code::BadRequest, "The body broke off.").caused_by(error);
        tokio::select! {
            piece = self.payload.next() => piece.transpose().map_err(broken),
            () = self.seat.stopping() => Err(Error::new(Code::Unavailable, "The server stops; try again.")),
        }
    }
}

impl Pieces for FileBody {
    fn next(&mut self) -> PieceFuture<'_> {
        Box::pin(self.piece())
    }
}

impl FromRequest for FileBody {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let taken = payload.take();
        let read = || {
            uncompressed(request)?;
            let seat = service::<Streams>(request)?.seat()?;
            Ok(Self { payload: taken, seat })
        };
        ready(read().map_err(|error: Error| error.into()))
    }
}

/// A place among the streams for a body that something else reads.
pub(crate) struct Uploading(Seat);

impl Uploading {
    /// A server that stops reads no further.
    pub(crate) async fn unless_stopping<T>(mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = work => done,
            () = self.0.stopping() => Err(Error::new(Code::Unavailable, "The server stops; try again.")),
        }
    }
}

impl FromRequest for Uploading {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || {
            uncompressed(request)?;
            Ok(Self(service::<Streams>(request)?.seat()?))
        };
        ready(read().map_err(|error: Error| error.into()))
    }
}

impl Argument for Uploading {
    fn describe(contract: &mut Contract) {
        contract.refuses(&[Code::TooLarge, Code::UnsupportedMediaType, Code::Overloaded]);
    }
}

impl FromRequest for FileTerms {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || {
            let text = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
            let declared = Declared {
                size: text(&header::CONTENT_LENGTH).and_then(|text| text.parse().ok()),
                content_type: text(&header::CONTENT_TYPE).map(str::to_owned),
            };
            let wish = Wish {
                data: text(&FILE_DATA).map(file_data).transpose()?,
                if_match: tags(request, &header::IF_MATCH)?,
                if_none_match: tags(request, &header::IF_NONE_MATCH)?,
            };
            Ok(Self { declared, wish })
        };
        ready(read())
    }
}

fn file_data(header: &str) -> Result<Map<String, Value>> {
    let decoded = STANDARD.decode(header.trim());
    let decoded = decoded.map_err(|_| Error::new(Code::BadRequest, "Basalt-File-Data is base64 of a JSON object."))?;
    json::parse_object(&decoded)
}

impl Argument for FileBody {
    fn describe(contract: &mut Contract) {
        contract.refuses(&[Code::TooLarge, Code::UnsupportedMediaType, Code::Overloaded]);
    }
}

impl Argument for FileTerms {
    fn describe(contract: &mut Contract) {
        let description = "The content that has to be there, its SHA-256 in double quotes: 412 otherwise.";
        contract.header("If-Match", description, ObjectBuilder::new());
        let description = "`*`: 412 if there is a file already.";
        contract.header("If-None-Match", description, ObjectBuilder::new());
        let description = "What the app says of the file: base64 of a JSON object.";
        contract.header("Basalt-File-Data", description, ObjectBuilder::new());
        contract.refuses(&[Code::BadRequest, Code::BadJson, Code::PreconditionFailed]);
    }
}
