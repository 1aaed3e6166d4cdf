//! Bodies: bounded while they are read, of the right type, canonical JSON.

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use actix_web::{FromRequest, HttpRequest};
use basalt_core::{Code, Error, Result, json};
use basalt_data::documents::{PatchBody, Unzip};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::future::{Ready, ready};

use super::caller::service;
use super::contract::{Argument, Contract};
use super::typed::typed;
use crate::problem::Problem;
use crate::streams::{Seat, Streams};

/// The most bytes of one body; among the application's data.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// A body of ours, as a type that denies unknown fields.
pub(crate) struct Json<T>(pub(crate) T);

/// The same where no body at all means the defaults.
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// A JSON object of the caller's own making, and the bytes that it came as.
pub(crate) struct ObjectBody {
    pub(crate) map: Map<String, Value>,
    pub(crate) bytes: Bytes,
}

/// The body of a PATCH, by its content type, and the bytes that it came as.
pub(crate) struct PatchDocument {
    pub(crate) patch: PatchBody,
    pub(crate) bytes: Bytes,
}

/// A stream of lines of JSON, read as it comes: bounded by the line, not as a whole.
pub(crate) struct NdjsonBody {
    payload: Payload,
    /// Where it is compressed.
    unzip: Option<Unzip>,
    ended: bool,
    seat: Seat,
}

const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            content_type(&request, &[JSON])?;
            let bytes = read(&request, payload).await?;
            Ok(Self(typed(json::parse(&bytes)?)?))
        })
    }
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalJson<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read(&request, payload).await?;
            if bytes.is_empty() {
                return Ok(Self(T::default()));
            }
            content_type(&request, &[JSON])?;
            Ok(Self(typed(json::parse(&bytes)?)?))
        })
    }
}

impl FromRequest for ObjectBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            content_type(&request, &[JSON])?;
            let bytes = read(&request, payload).await?;
            Ok(Self { map: json::parse_object(&bytes)?, bytes })
        })
    }
}

impl FromRequest for PatchDocument {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let kind = content_type(&request, &[JSON, MERGE_PATCH, JSON_PATCH])?;
            let bytes = read(&request, payload).await?;
            let patch = match kind {
                JSON_PATCH => PatchBody::Json(json::parse(&bytes)?),
                _ => PatchBody::Merge(json::parse_object(&bytes)?),
            };
            Ok(Self { patch, bytes })
        })
    }
}

impl FromRequest for NdjsonBody {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(stream(request, payload).map_err(Problem::from))
    }
}

fn stream(request: &HttpRequest, payload: &mut Payload) -> Result<NdjsonBody> {
    content_type(request, &[NDJSON, "application/ndjson", "application/jsonl"])?;
    let unzip = is_gzip(request)?.then(Unzip::default);
    let seat = service::<Streams>(request)?.seat()?;
    Ok(NdjsonBody { payload: payload.take(), unzip, ended: false, seat })
}

impl NdjsonBody {
    /// The next piece, or none at the end. A server that stops reads no further.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(unzip) = &mut self.unzip else { return self.arrived().await };
        if let Some(bytes) = unzip.pull()? {
            // Of a little that arrived much may be made: others have their turn in between.
            tokio::task::yield_now().await;
            return Ok(Some(bytes.into()));
        }
        while !self.ended {
            let piece = self.arrived().await?;
            self.ended = piece.is_none();
            let Some(unzip) = &mut self.unzip else { break };
            let Some(piece) = piece else { return Ok(Some(unzip.finish()?.into())) };
            unzip.feed(&piece);
            if let Some(bytes) = unzip.pull()? {
                return Ok(Some(bytes.into()));
            }
        }
        Ok(None)
    }

    async fn arrived(&mut self) -> Result<Option<Bytes>> {
        tokio::select! {
            piece = next(&mut self.payload) => piece,
            () = self.seat.stopping() => Err(Error::new(Code::Unavailable, "The server stops; go on after lastLine.")),
        }
    }
}

/// Which of these the body claims to be. A charset other than UTF-8 is none of them.
pub(super) fn content_type(request: &HttpRequest, known: &[&'static str]) -> Result<&'static str> {
    let refused = || Error::new(Code::UnsupportedMediaType, format!("Content-Type has to be {}.", known.join(" or ")));
    let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
    let (essence, parameters) = header.split_once(';').unwrap_or((header, ""));
    let parameters = parameters.trim();
    let plain = parameters.is_empty()
        || ["charset=utf-8", "charset=\"utf-8\""].iter().any(|utf8| parameters.eq_ignore_ascii_case(utf8));
    let found = known.iter().find(|known| known.eq_ignore_ascii_case(essence.trim()));
    found.copied().filter(|_| plain).ok_or_else(refused)
}

/// The whole body, or 413 as soon as it is known to be too large. Compressed ones are refused, so what is counted is
/// what is parsed.
pub(super) async fn read(request: &HttpRequest, mut payload: Payload) -> Result<Bytes> {
    let headers = request.headers();
    uncompressed(request)?;
    let limit = request.app_data::<BodyLimit>().map_or(basalt_core::limits::BODY_BYTES, |limit| limit.0);
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    if length.is_none_or(|length| length == 0) && !headers.contains_key(TRANSFER_ENCODING) && !may_stream(request) {
        return Ok(Bytes::new());
    }
    // Most bodies arrive in one piece, which is then taken as it is.
    let Some(first) = next(&mut payload).await? else { return Ok(Bytes::new()) };
    let Some(second) = bounded(first.len(), limit, next(&mut payload).await?)? else { return Ok(first) };
    let mut whole = BytesMut::with_capacity(length.unwrap_or(0).max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(chunk) = bounded(whole.len(), limit, next(&mut payload).await?)? {
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

pub(super) fn is_json(request: &HttpRequest) -> Result<()> {
    content_type(request, &[JSON]).map(drop)
}

pub(super) fn uncompressed(request: &HttpRequest) -> Result<()> {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if request.headers().get_all(CONTENT_ENCODING).all(identity) {
        return Ok(());
    }
    Err(Error::new(Code::UnsupportedMediaType, "Send the body uncompressed."))
}

fn is_gzip(request: &HttpRequest) -> Result<bool> {
    let mut encodings = request.headers().get_all(CONTENT_ENCODING);
    let gzip = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"gzip");
    match (encodings.next(), encodings.next()) {
        (Some(only), None) if gzip(only) => Ok(true),
        _ => uncompressed(request).map(|()| false).map_err(|_| {
            Error::new(Code::UnsupportedMediaType, "Send the body uncompressed, or compressed once by gzip.")
        }),
    }
}

/// HTTP/2 bodies need neither a length nor an encoding.
fn may_stream(request: &HttpRequest) -> bool {
    request.version() >= actix_web::http::Version::HTTP_2
}

async fn next(payload: &mut Payload) -> Result<Option<Bytes>> {
    let broken = |error| Error::new(Code::BadRequest, "The body broke off.").caused_by(error);
    payload.next().await.transpose().map_err(broken)
}

fn bounded(so_far: usize, limit: usize, chunk: Option<Bytes>) -> Result<Option<Bytes>> {
    let total = so_far + chunk.as_ref().map_or(0, Bytes::len);
    if total > limit { Err(too_large(limit)) } else { Ok(chunk) }
}

fn too_large(limit: usize) -> Error {
    Error::new(Code::TooLarge, format!("The body has more than the {limit} bytes that are allowed."))
}

fn describe_body(contract: &mut Contract) {
    contract.refuses(&[Code::BadJson, Code::TooLarge, Code::UnsupportedMediaType]);
}

impl<T> Argument for Json<T> {
    fn describe(contract: &mut Contract) {
        describe_body(contract);
        contract.refuses(&[Code::UnknownField]);
    }
}

impl<T> Argument for OptionalJson<T> {
    fn describe(contract: &mut Contract) {
        Json::<T>::describe(contract);
    }
}

impl Argument for ObjectBody {
    fn describe(contract: &mut Contract) {
        describe_body(contract);
    }
}

impl Argument for NdjsonBody {
    fn describe(contract: &mut Contract) {
        contract.refuses(&[Code::UnsupportedMediaType, Code::Overloaded]);
    }
}

impl Argument for PatchDocument {
    fn describe(contract: &mut Contract) {
        describe_body(contract);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        n: u32,
    }

    async fn extract<E: FromRequest<Error = Problem>>(request: TestRequest) -> Result<E, Code> {
        let (request, mut payload) = request.app_data(BodyLimit(32)).to_http_parts();
        E::from_request(&request, &mut payload).await.map_err(|problem| problem.error().code())
    }

    fn post(content_type: &str, body: &'static str) -> TestRequest {
        TestRequest::post().insert_header((CONTENT_TYPE, content_type)).set_payload(body)
    }

    #[actix_web::test]
    async fn bodies_are_typed_bounded_and_of_the_right_type() {
        let json = async |content_type, body| extract::<Json<Sample>>(post(content_type, body)).await.map(|j| j.0.n);
        assert_eq!(json("application/json", "{\"n\":3}").await, Ok(3));
        assert_eq!(json("Application/JSON; Charset=UTF-8", "{\"n\":3}").await, Ok(3));
        assert_eq!(json("application/json; charset=latin1", "{}").await, Err(Code::UnsupportedMediaType));
        assert_eq!(json("text/plain", "{}").await, Err(Code::UnsupportedMediaType));
        assert_eq!(json("application/json", "{\"m\":3}").await, Err(Code::UnknownField));
        assert_eq!(json("application/json", "{\"n\":").await, Err(Code::BadJson));
        assert_eq!(json("application/json", "").await, Err(Code::BadJson));
        assert_eq!(
            json("application/json", "{\"n\":1                                     }").await,
            Err(Code::TooLarge)
        );
        let compressed = post("application/json", "{}").insert_header((CONTENT_ENCODING, "gzip"));
        assert_eq!(extract::<Json<Sample>>(compressed).await.err(), Some(Code::UnsupportedMediaType));
    }

    #[actix_web::test]
    async fn a_body_that_may_be_missing_has_defaults() {
        assert_eq!(extract::<OptionalJson<Sample>>(TestRequest::post()).await.map(|j| j.0), Ok(Sample::default()));
        assert_eq!(extract::<OptionalJson<Sample>>(post("application/json", "{\"n\":1}")).await.map(|j| j.0.n), Ok(1));
        assert_eq!(
            extract::<OptionalJson<Sample>>(post("text/plain", "x")).await.err(),
            Some(Code::UnsupportedMediaType)
        );
    }

    #[actix_web::test]
    async fn a_patch_is_what_its_content_type_says() {
        let merge = extract::<PatchDocument>(post(MERGE_PATCH, "{\"a\":1}")).await.unwrap();
        assert!(matches!(merge.patch, PatchBody::Merge(_)));
        let json = extract::<PatchDocument>(post(JSON_PATCH, "[]")).await.unwrap();
        assert!(matches!(json.patch, PatchBody::Json(_)));
        assert_eq!(extract::<PatchDocument>(post(JSON, "[]")).await.err(), Some(Code::BadJson));
    }
}
