use actix_web::web::Data;
use basalt_app::files::Files;

use super::shared::{Body, FileSchema, stored};
use crate::extract::{BucketAt, Caller, Json};
use crate::problem::Answer;

/// Copy a file
///
/// Takes the right to read the one and to create (or replace) the other, which is the caller's own. Within a bucket no
/// bytes are copied.
#[utoipa::path(
    post,
    path = "/v1/buckets/{bucket}/copy",
    tag = "files",
    request_body = Body,
    responses(
        (status = 201, description = "Copied.", body = FileSchema),
        (status = 200, description = "Copied over another file.", body = FileSchema),
    ),
    extensions(("x-codes" = json!([
        "file_not_found", "file_exists", "unauthenticated", "rule_denied", "rule_missing", "scope_missing",
        "bucket_full", "file_type_refused", "schema_violation", "rate_limited", "storage_full",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, at: BucketAt, body: Json<Body>, files: Data<Files>) -> Answer {
    Ok(stored(&files.copy(&caller.0, body.0.placing(at.0)?).await?)?)
}
