//! What tus 1.0.0 says in headers.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpRequest};
use basalt_app::files::{Checksum, Chunk, Metadata, NewUpload, UploadId};
use basalt_core::{BucketName, Code, Error, Result};
use basalt_data::documents::EntityTags;
use utoipa::openapi::ObjectBuilder;

use super::contract::{Argument, Contract};
use super::path::{BucketAt, bucket, part};
use super::preconditions::tags;
use crate::problem::Problem;

/// The one version.
pub(crate) const TUS: &str = "1.0.0";
const OFFSET_STREAM: &str = "application/offset+octet-stream";
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");

/// A request in tus, which says its version.
pub(crate) struct Tus;

/// `{bucket}` and `{id}` of an upload.
pub(crate) struct UploadAt {
    pub(crate) bucket: BucketName,
    pub(crate) id: UploadId,
}

/// What begins an upload, maybe with its first bytes.
pub(crate) struct TusCreation {
    pub(crate) new: NewUpload,
    pub(crate) chunk: Option<Chunk>,
}

/// What comes with bytes.
pub(crate) struct TusChunk(pub(crate) Chunk);

impl TusChunk {
    pub(crate) fn read(request: &HttpRequest) -> Result<Self> {
        version(request)?;
        if !is_stream(request)? {
            return Err(Error::new(Code::UnsupportedMediaType, format!("Bytes are sent as {OFFSET_STREAM}.")));
        }
        let offset = number(request, "upload-offset")?;
        let offset = offset.ok_or_else(|| refused("Upload-Offset says where the bytes go on."))?;
        chunk(request, offset, number(request, "upload-length")?).map(Self)
    }
}

impl FromRequest for Tus {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(version(request).map(|()| Self).map_err(Problem::from))
    }
}

impl FromRequest for UploadAt {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || Ok(Self { bucket: bucket(request)?, id: UploadId::parse(part(request, "id")?)? });
        ready(read().map_err(|error: Error| error.into()))
    }
}

impl FromRequest for TusChunk {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::read(request).map_err(Problem::from))
    }
}

impl FromRequest for TusCreation {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(creation(request))
    }
}

fn creation(request: &HttpRequest) -> Result<TusCreation, Problem> {
    version(request)?;
    if request.headers().contains_key("upload-concat") {
        return Err(Error::new(Code::NotAvailable, "Uploads are not put together of others here.").into());
    }
    let only_new = match tags(request, &header::IF_NONE_MATCH)? {
        None => false,
        Some(EntityTags::Any) => true,
        Some(_) => return Err(refused("If-None-Match is * here.").into()),
    };
    let metadata = text(request, "upload-metadata")?.unwrap_or_default();
    let new = NewUpload { length: length(request)?, metadata: Metadata::parse(metadata)?, only_new };
    let chunk = if is_stream(request)? { Some(chunk(request, 0, None)?) } else { None };
    if chunk.is_none() && number(request, "content-length")?.unwrap_or(0) > 0 {
        return Err(Error::new(Code::UnsupportedMediaType, format!("Bytes are sent as {OFFSET_STREAM}.")).into());
    }
    Ok(TusCreation { new, chunk })
}

fn chunk(request: &HttpRequest, offset: u64, length: Option<u64>) -> Result<Chunk> {
    let checksum = text(request, "upload-checksum")?.map(Checksum::parse).transpose()?;
    Ok(Chunk { offset, length, size: number(request, "content-length")?, checksum })
}

/// Of the whole; `None` where it is said later.
fn length(request: &HttpRequest) -> Result<Option<u64>> {
    match (number(request, "upload-length")?, text(request, "upload-defer-length")?) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some("1")) => Ok(None),
        _ => Err(refused("An upload says Upload-Length, or Upload-Defer-Length: 1.")),
    }
}

fn version(request: &HttpRequest) -> Result<()> {
    let said = request.headers().get(TUS_RESUMABLE).and_then(|value| value.to_str().ok());
    if said == Some(TUS) {
        return Ok(());
    }
    Err(Error::new(Code::TusVersion, format!("Uploads are spoken of in tus {TUS}: say Tus-Resumable.")))
}

fn is_stream(request: &HttpRequest) -> Result<bool> {
    Ok(text(request, "content-type")?.is_some_and(|said| said.trim().eq_ignore_ascii_case(OFFSET_STREAM)))
}

fn number(request: &HttpRequest, name: &str) -> Result<Option<u64>> {
    let digits = |text: &str| (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok());
    let read = |text: &str| digits(text).flatten().ok_or_else(|| refused(&format!("{name} is a whole number.")));
    text(request, name)?.map(read).transpose()
}

/// A header that is there at most once.
fn text<'a>(request: &'a HttpRequest, name: &str) -> Result<Option<&'a str>> {
    let mut values = request.headers().get_all(name);
    let Some(first) = values.next() else { return Ok(None) };
    match (first.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(refused(&format!("The header {name} can't be read."))),
    }
}

fn refused(detail: &str) -> Error {
    Error::new(Code::BadRequest, detail)
}

fn describe_version(contract: &mut Contract) {
    contract.header("Tus-Resumable", "The version of tus: `1.0.0`.", ObjectBuilder::new());
    contract.refuses(&[Code::TusVersion, Code::BadRequest]);
}

fn describe_checksum(contract: &mut Contract) {
    let description = "`sha1` or `sha256`, a space, and the checksum of this body in base64: 460 where it is another.";
    contract.header("Upload-Checksum", description, ObjectBuilder::new());
    contract.refuses(&[Code::ChecksumMismatch, Code::UnsupportedMediaType]);
}

impl Argument for Tus {
    fn describe(contract: &mut Contract) {
        describe_version(contract);
    }
}

impl Argument for UploadAt {
    fn describe(contract: &mut Contract) {
        BucketAt::describe(contract);
        contract.path_parameter("id", "The upload's name, from `Location`.", "^[0-9a-v]{26}$");
        contract.refuses(&[Code::UploadNotFound, Code::UploadExpired]);
    }
}

impl Argument for TusCreation {
    fn describe(contract: &mut Contract) {
        describe_version(contract);
        contract.header("Upload-Length", "Bytes of the whole.", ObjectBuilder::new());
        contract.header("Upload-Defer-Length", "`1`: the length is said later.", ObjectBuilder::new());
        let description = "Names and values in base64: `path` (needed), `contentType` or `filetype`, `data` (JSON).";
        contract.header("Upload-Metadata", description, ObjectBuilder::new());
        contract.header("If-None-Match", "`*`: only where no file is at the path.", ObjectBuilder::new());
        describe_checksum(contract);
        contract.refuses(&[Code::PreconditionFailed, Code::NotAvailable, Code::TooLarge]);
    }
}

impl Argument for TusChunk {
    fn describe(contract: &mut Contract) {
        describe_version(contract);
        contract.header(
            "Upload-Offset",
            "Where the bytes go on: 409 where the upload stands elsewhere.",
            ObjectBuilder::new(),
        );
        contract.header("Upload-Length", "Bytes of the whole, where that was left open.", ObjectBuilder::new());
        describe_checksum(contract);
        contract.refuses(&[Code::OffsetMismatch, Code::UploadLocked, Code::TooLarge]);
    }
}
