use actix_multipart::{Field, Multipart};
use actix_web::web::Data;
use actix_web::{HttpRequest, web};
use basalt_app::files::{Declared, Files, PieceFuture, Pieces, Stored, Target, Wish};
use basalt_core::{BucketName, Caller as Who, Code, Error, FilePath, Result, json, limits};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::shared::{FileSchema, stored};
use crate::extract::{BucketAt, Caller, Uploading};
use crate::problem::Answer;

/// The parts of the form, `file` the last of them.
#[derive(ToSchema)]
#[schema(as = FileForm)]
#[expect(dead_code, reason = "describes")]
pub(crate) struct Form {
    /// Where the file is put; else its name.
    path: Option<String>,
    /// What the app says of it: a JSON object.
    data: Option<String>,
    #[schema(format = Binary)]
    file: String,
}

/// Upload a file by a form
///
/// As browsers send forms (`multipart/form-data`): `path` and `data` go before `file`. Else as `PUT`.
#[utoipa::path(
    post,
    path = "/v1/buckets/{bucket}/files",
    tag = "files",
    request_body(content = Form, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Created.", body = FileSchema),
        (status = 200, description = "Replaced.", body = FileSchema),
    ),
    extensions(("x-codes" = json!([
        "unauthenticated", "rule_denied", "rule_missing", "scope_missing", "bucket_full", "file_type_refused",
        "schema_violation", "rate_limited", "storage_full", "timeout", "too_large", "unsupported_media_type", "bad_json",
        "file_not_found",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: BucketAt,
    request: HttpRequest,
    uploading: Uploading,
    payload: web::Payload,
    files: Data<Files>,
) -> Answer {
    let form = Multipart::new(request.headers(), payload);
    let done = uploading.unless_stopping(Box::pin(upload(&caller.0, at.0, form, &files))).await?;
    Ok(stored(&done)?)
}

async fn upload(caller: &Who, bucket: BucketName, mut form: Multipart, files: &Files) -> Result<Stored> {
    let (mut path, mut data) = (None, None);
    while let Some(field) = form.next().await {
        let mut field = field.map_err(bad_form)?;
        match field.name().unwrap_or_default() {
            "path" => path = Some(FilePath::parse(&text(&mut field, 2_048).await?)?),
            "data" => data = Some(object(&mut field).await?),
            "file" => {
                let target = Target { bucket, path: path.map_or_else(|| own_name(&field), Ok)? };
                let content_type = field.content_type().map(ToString::to_string);
                let declared = Declared { size: None, content_type };
                let wish = Wish { data, ..Wish::default() };
                let mut part = Part { form, field: Some(field) };
                return files.put(caller, target, (declared, wish), None, &mut part).await;
            }
            other => return Err(Error::new(Code::BadRequest, format!("The form has a part {other:?}."))),
        }
    }
    Err(Error::new(Code::BadRequest, "The form has no part \"file\"."))
}

/// The name that the file has with the client.
fn own_name(field: &Field) -> Result<FilePath> {
    let name = field.content_disposition().and_then(|told| told.get_filename()).unwrap_or_default();
    FilePath::parse(name.rsplit(['/', '\\']).next().unwrap_or_default())
}

async fn object(field: &mut Field) -> Result<Map<String, Value>> {
    json::parse_object(text(field, limits::DOCUMENT_BYTES).await?.as_bytes())
}

async fn text(field: &mut Field, most: usize) -> Result<String> {
    let mut whole = Vec::new();
    while let Some(piece) = field.next().await {
        whole.extend_from_slice(&piece.map_err(bad_form)?);
        if whole.len() > most {
            return Err(Error::new(Code::TooLarge, format!("This part of the form has at most {most} bytes.")));
        }
    }
    String::from_utf8(whole).map_err(|_| Error::new(Code::BadRequest, "A part of the form is no UTF-8."))
}

fn bad_form(error: impl std::fmt::Display) -> Error {
    Error::new(Code::BadRequest, "The form could not be read.").caused_by(error)
}

/// The part `file`, which has to be the form's last: what says more than was listened to is refused.
struct Part {
    form: Multipart,
    field: Option<Field>,
}

impl Part {
    async fn piece(&mut self) -> Result<Option<Bytes>> {
        let Some(field) = &mut self.field else { return Ok(None) };
        if let Some(piece) = field.next().await.transpose().map_err(bad_form)? {
            return Ok(Some(piece));
        }
        self.field = None;
        match self.form.next().await {
            None => Ok(None),
            Some(_) => Err(Error::new(Code::BadRequest, "The part \"file\" is the form's last.")),
        }
    }
}

impl Pieces for Part {
    fn next(&mut self) -> PieceFuture<'_> {
        Box::pin(self.piece())
    }
}
