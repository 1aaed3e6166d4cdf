//! An archive as a body: read once it is known who sends it, and bounded while it is read.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{FromRequest, HttpRequest};
use basalt_core::{Code, Error, Result};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::body::{content_type, uncompressed};
use super::caller::service;
use super::contract::{Argument, Contract};
use crate::problem::Problem;
use crate::streams::{Seat, Streams};

/// Bytes of an archive.
const MOST_BYTES: usize = 32 << 20;
pub(crate) const ZIP: &str = "application/zip";

pub(crate) struct ZipBody {
    payload: Payload,
    length: Option<usize>,
    seat: Seat,
}

impl ZipBody {
    /// All of it, or 413 as soon as it is known to be too large.
    pub(crate) async fn read(mut self) -> Result<Bytes> {
        let mut whole = BytesMut::with_capacity(self.length.unwrap_or_default());
        loop {
            let piece = tokio::select! {
                piece = self.payload.next() => piece.transpose(),
                () = self.seat.stopping() => return Err(Error::new(Code::Unavailable, "The server stops; try again.")),
            };
            let broken = |error| Error::new(Code::BadRequest, "The body broke off.").caused_by(error);
            let Some(piece) = piece.map_err(broken)? else { return Ok(whole.freeze()) };
            if whole.len() + piece.len() > MOST_BYTES {
                return Err(too_large());
            }
            whole.extend_from_slice(&piece);
        }
    }
}

fn too_large() -> Error {
    Error::new(Code::TooLarge, format!("An archive has at most {MOST_BYTES} bytes."))
}

impl FromRequest for ZipBody {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let taken = payload.take();
        let read = || {
            content_type(request, &[ZIP])?;
            uncompressed(request)?;
            let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
            if length.is_some_and(|length: usize| length > MOST_BYTES) {
                return Err(too_large());
            }
            Ok(Self { payload: taken, length, seat: service::<Streams>(request)?.seat()? })
        };
        ready(read().map_err(|error: Error| error.into()))
    }
}

impl Argument for ZipBody {
    fn describe(contract: &mut Contract) {
        contract.refuses(&[Code::TooLarge, Code::UnsupportedMediaType, Code::Overloaded]);
    }
}
