use actix_web::web::Data;
use basalt_app::files::Files;

use super::shared::{Body, FileSchema, stored};
use crate::extract::{BucketAt, Caller, Json};
use crate::problem::Answer;

/// Move a file
///
/// Its id stays, so references and signed URLs go on leading to it. Asks the `update` rule with the file as it is and as
/// it would be; between buckets also the `delete` rule of the one that it leaves.
#[utoipa::path(
    post,
    path = "/v1/buckets/{bucket}/move",
    tag = "files",
    request_body = Body,
    responses((status = 200, description = "Moved.", body = FileSchema)),
    extensions(("x-codes" = json!([
        "file_not_found", "file_exists", "unauthenticated", "rule_denied", "rule_missing", "scope_missing",
        "bucket_full", "file_type_refused", "referenced", "schema_violation", "rate_limited", "storage_full",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, at: BucketAt, body: Json<Body>, files: Data<Files>) -> Answer {
    Ok(stored(&files.rename(&caller.0, body.0.placing(at.0)?).await?)?)
}
