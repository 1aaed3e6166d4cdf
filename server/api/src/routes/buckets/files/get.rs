use actix_web::HttpRequest;
use actix_web::web::Data;
use basalt_app::files::images::Asked;
use basalt_app::files::{Files, SignMethod};
use basalt_core::Result;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::sending;
use crate::extract::{Caller, FileAt, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Of a signed URL: in the place of the caller's rights.
    token: Option<String>,
    /// Saved rather than shown, under this name or (empty) its own.
    download: Option<String>,
    /// Of a picture: one of the sizes that the bucket names. It goes with none of the following.
    preset: Option<String>,
    /// Of a picture: 1 to 4096; with the height alone the width follows.
    width: Option<String>,
    /// Of a picture: 1 to 4096; with the width alone the height follows.
    height: Option<String>,
    /// Of a picture: `inside` (as it is where nothing is said; never enlarges), `cover` or `contain`.
    fit: Option<String>,
    /// Of a picture: `webp`, `jpeg`, `png`, or `avif` where the server was built with it; else its own.
    format: Option<String>,
    /// Of a picture: 1 to 100.
    quality: Option<String>,
    /// Of a picture: `true` takes away what stands beside the pixels; renditions never have it.
    strip: Option<String>,
}

impl Parameters {
    fn asked(&self) -> Result<Option<Asked>> {
        let Self { preset, width, height, fit, format, quality, strip, .. } = self;
        let values = [preset, width, height, fit, format, quality, strip];
        let given = Asked::NAMES.into_iter().zip(values);
        Asked::parse(given.filter_map(|(name, value)| Some((name, value.as_deref()?))))
    }
}

/// Download a file
///
/// In pieces, as far as the client takes them. One range is answered by 206, several by the whole. What a browser would
/// run is sent as an attachment, unless the bucket allows it inline.
///
/// Pictures (JPEG, PNG, WebP, GIF) are answered in other sizes and formats. Without being signed in one gets the bucket's
/// presets, by a signed URL the size that it was signed for.
#[utoipa::path(
    get,
    path = "/v1/buckets/{bucket}/files/{path}",
    tag = "files",
    params(Parameters),
    responses(
        (status = 200, description = "The bytes.", body = String, content_type = "application/octet-stream"),
        (status = 206, description = "The range.", body = String, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it (`If-None-Match`)."),
        (status = 307, description = "The object store gives it out itself (buckets with `redirect`)."),
    ),
    extensions(("x-codes" = json!([
        "scope_missing", "range_not_satisfiable", "bad_signature", "signature_expired", "unavailable", "bad_parameter",
        "bad_image", "format_not_available", "size_not_allowed",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: FileAt,
    query: Query<Parameters>,
    request: HttpRequest,
    files: Data<Files>,
) -> Answer {
    let asked = query.0.asked()?;
    let Parameters { token, download, .. } = query.0;
    let ticket = token.map(|token| files.ticket(&token, &at.0, SignMethod::Get)).transpose()?;
    let download = download.or_else(|| ticket.as_ref()?.download().map(str::to_owned));
    let (opened, memory) = match files.picture(&caller.0, &at.0, ticket.as_ref(), asked.as_ref()).await? {
        Some(picture) => (picture.opened, picture.bytes),
        None => (files.open(&caller.0, &at.0, ticket.as_ref()).await?, None),
    };
    Ok(sending::file(&request, &files, (&opened, memory), download.as_deref()).await?)
}
