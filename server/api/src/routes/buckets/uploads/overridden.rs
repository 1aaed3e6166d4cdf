use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use actix_web::web::Data;
use basalt_app::files::Files;

use super::{append, show, terminate};
use crate::extract::{Caller, FileBody, Tus, TusChunk, UploadAt};
use crate::problem::{Answer, Problem};

/// Reach an upload without its method
///
/// For clients behind what lets no `PATCH` or `DELETE` through: `X-HTTP-Method-Override` says `PATCH`, `DELETE` or
/// `HEAD`, and the request is that.
#[utoipa::path(
    post,
    path = "/v1/buckets/{bucket}/uploads/{id}",
    tag = "files",
    params(("X-HTTP-Method-Override" = Option<String>, Header, description = "`PATCH`, `DELETE` or `HEAD`.")),
    request_body(content = String, content_type = "application/offset+octet-stream"),
    responses(
        (status = 200, description = "As `HEAD` answers."),
        (status = 204, description = "As `PATCH` or `DELETE` answers."),
    ),
    extensions(("x-codes" = json!([
        "unauthenticated", "rule_denied", "rule_missing", "scope_missing", "bucket_full", "file_type_refused",
        "schema_violation", "precondition_failed", "rate_limited", "storage_full", "timeout", "method_not_allowed",
        "offset_mismatch", "checksum_mismatch", "upload_locked", "too_large", "unsupported_media_type",
    ]))),
)]
pub(crate) async fn handle(
    request: HttpRequest,
    tus: Tus,
    caller: Caller,
    at: UploadAt,
    body: FileBody,
    files: Data<Files>,
) -> Answer {
    match request.headers().get("x-http-method-override").map(HeaderValue::as_bytes) {
        Some(b"PATCH") => append::handle(caller, at, TusChunk::read(&request)?, body, files).await,
        Some(b"DELETE") => terminate::handle(tus, caller, at, files).await,
        Some(b"HEAD") => show::handle(tus, caller, at, files).await,
        _ => Err(Problem::method_not_allowed("DELETE, HEAD, OPTIONS, PATCH")),
    }
}
