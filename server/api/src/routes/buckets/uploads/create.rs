use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use basalt_app::files::Files;

use super::shared::progress;
use crate::extract::{BucketAt, Caller, FileBody, TusCreation};
use crate::problem::Answer;

/// Begin an upload
///
/// tus 1.0.0. The file's path, type and data stand in `Upload-Metadata`. The first bytes may come along, as
/// `application/offset+octet-stream`. Asks the bucket's `create` or `update` rule now, with what is known, and at the
/// end. An upload that nobody goes on with for a day is gone (`Upload-Expires`).
#[utoipa::path(
    post,
    path = "/v1/buckets/{bucket}/uploads",
    tag = "files",
    request_body(content = String, content_type = "application/offset+octet-stream"),
    responses((status = 201, description = "Begun: `Location` is the upload. Where it is complete already, \
        `Basalt-File-Id` is its file and `ETag` the SHA-256 of its bytes.")),
    extensions(("x-codes" = json!([
        "unauthenticated", "rule_denied", "rule_missing", "scope_missing", "bucket_full", "file_type_refused",
        "schema_violation", "quota_exceeded", "rate_limited", "storage_full", "timeout",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: BucketAt,
    terms: TusCreation,
    mut body: FileBody,
    files: Data<Files>,
) -> Answer {
    let TusCreation { new, chunk } = terms;
    let done = files.create_upload(&caller.0, &at.0, new, chunk.map(|chunk| (chunk, &mut body as _))).await?;
    let mut answer = progress(StatusCode::CREATED, &done);
    answer.insert_header((LOCATION, format!("/v1/buckets/{}/uploads/{}", at.0, done.id.as_str())));
    Ok(answer.finish())
}
