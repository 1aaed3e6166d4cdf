use actix_web::HttpRequest;
use actix_web::web::Data;
use basalt_app::files::{Files, SignMethod};
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
}

/// Download a file
///
/// In pieces, as far as the client takes them. One range is answered by 206, several by the whole. What a browser would
/// run is sent as an attachment, unless the bucket allows it inline.
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
        "scope_missing", "range_not_satisfiable", "bad_signature", "signature_expired", "unavailable",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: FileAt,
    query: Query<Parameters>,
    request: HttpRequest,
    files: Data<Files>,
) -> Answer {
    let Parameters { token, download } = query.0;
    let ticket = token.map(|token| files.ticket(&token, &at.0, SignMethod::Get)).transpose()?;
    let opened = files.open(&caller.0, &at.0, ticket.as_ref()).await?;
    let download = download.or_else(|| ticket.as_ref()?.download().map(str::to_owned));
    Ok(sending::file(&request, &files, &opened, download.as_deref()).await?)
}
