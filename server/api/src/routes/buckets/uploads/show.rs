use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::web::Data;
use basalt_app::files::{Files, Progress};

use super::shared::progress;
use crate::extract::{Caller, Tus, UploadAt};
use crate::problem::Answer;

/// Where an upload stands
///
/// tus 1.0.0. A request that still sends to it is asked to let go. A complete one is remembered for a day.
#[utoipa::path(
    head,
    path = "/v1/buckets/{bucket}/uploads/{id}",
    tag = "files",
    responses((status = 200, description = "`Upload-Offset`, `Upload-Length` if it is known, `Upload-Metadata`. Of a \
        complete one `Basalt-File-Id` and `ETag`.")),
    extensions(("x-codes" = json!(["rule_denied", "upload_locked"]))),
)]
pub(crate) async fn handle(_tus: Tus, caller: Caller, at: UploadAt, files: Data<Files>) -> Answer {
    Ok(shown(&files.show_upload(&caller.0, &at.bucket, &at.id).await?))
}

pub(super) fn shown(done: &Progress) -> HttpResponse {
    let mut answer = progress(StatusCode::OK, done);
    match done.length {
        Some(length) => answer.insert_header(("Upload-Length", length.to_string())),
        None => answer.insert_header(("Upload-Defer-Length", "1")),
    };
    if let Ok(metadata) = HeaderValue::from_str(&done.metadata) {
        answer.insert_header(("Upload-Metadata", metadata));
    }
    answer.finish()
}
