use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use basalt_app::files::Files;

use super::super::shared::{FileSchema, told};
use crate::extract::{Caller, FileAt};
use crate::problem::Answer;

/// Read a file's metadata
///
/// The document that tells of it; `ETag` is its revision.
#[utoipa::path(
    get,
    path = "/v1/buckets/{bucket}/metadata/{path}",
    tag = "files",
    responses((status = 200, description = "The metadata.", body = FileSchema)),
    extensions(("x-codes" = json!(["scope_missing"]))),
)]
pub(crate) async fn handle(caller: Caller, at: FileAt, files: Data<Files>) -> Answer {
    let document = files.readable(&caller.0, &at.0).await?;
    Ok(HttpResponse::Ok().insert_header((ETAG, document.etag())).json(told(&document)))
}
