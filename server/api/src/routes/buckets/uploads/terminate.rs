use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::files::Files;

use crate::extract::{Caller, TUS, Tus, UploadAt};
use crate::problem::Answer;

/// End an upload
///
/// tus 1.0.0. What came of it is removed; a file that it has become stays.
#[utoipa::path(
    delete,
    path = "/v1/buckets/{bucket}/uploads/{id}",
    tag = "files",
    responses((status = 204, description = "Gone.")),
    extensions(("x-codes" = json!(["upload_locked"]))),
)]
pub(crate) async fn handle(_tus: Tus, caller: Caller, at: UploadAt, files: Data<Files>) -> Answer {
    files.terminate_upload(&caller.0, &at.bucket, &at.id).await?;
    Ok(HttpResponse::NoContent().insert_header(("Tus-Resumable", TUS)).finish())
}
