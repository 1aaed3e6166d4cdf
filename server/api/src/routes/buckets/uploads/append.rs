use actix_web::http::StatusCode;
use actix_web::web::Data;
use basalt_app::files::Files;

use super::shared::progress;
use crate::extract::{Caller, FileBody, TusChunk, UploadAt};
use crate::problem::Answer;

/// Go on with an upload
///
/// tus 1.0.0. What comes is kept also where the connection breaks, but for a body with `Upload-Checksum`, which is kept
/// whole or not at all. A newer request has an older one let go (423). With its last byte the upload becomes a file.
#[utoipa::path(
    patch,
    path = "/v1/buckets/{bucket}/uploads/{id}",
    tag = "files",
    request_body(content = String, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "Kept, up to `Upload-Offset`. Where that is the end, `Basalt-File-Id` is the \
        file and `ETag` the SHA-256 of its bytes.")),
    extensions(("x-codes" = json!([
        "unauthenticated", "rule_denied", "rule_missing", "scope_missing", "bucket_full", "file_type_refused",
        "schema_violation", "precondition_failed", "rate_limited", "storage_full", "timeout",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: UploadAt,
    terms: TusChunk,
    mut body: FileBody,
    files: Data<Files>,
) -> Answer {
    let done = files.append_upload(&caller.0, (&at.bucket, &at.id), terms.0, &mut body).await?;
    Ok(progress(StatusCode::NO_CONTENT, &done).finish())
}
