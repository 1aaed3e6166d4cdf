use actix_web::web::Data;
use basalt_app::files::{Files, SignMethod};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::shared::{FileSchema, stored};
use crate::extract::{Caller, FileAt, FileBody, FileTerms, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Of a signed URL: in the place of the caller's rights.
    token: Option<String>,
}

/// Upload a file
///
/// The body is the file, of any length that the bucket takes; it is read and stored in pieces. What is at the path is
/// replaced. `Content-Type` is believed where the bytes don't say otherwise. Asks the bucket's `create` or `update`
/// rule before the bytes (with what is known of them) and after.
#[utoipa::path(
    put,
    path = "/v1/buckets/{bucket}/files/{path}",
    tag = "files",
    params(Parameters),
    request_body(content = String, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "Created. `ETag` is the SHA-256 of the bytes.", body = FileSchema),
        (status = 200, description = "Replaced.", body = FileSchema),
    ),
    extensions(("x-codes" = json!([
        "unauthenticated", "rule_denied", "rule_missing", "scope_missing", "bucket_full", "file_type_refused",
        "schema_violation", "rate_limited", "bad_signature", "signature_expired", "storage_full", "timeout",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: FileAt,
    query: Query<Parameters>,
    terms: FileTerms,
    mut body: FileBody,
    files: Data<Files>,
) -> Answer {
    let ticket = query.0.token.map(|token| files.ticket(&token, &at.0, SignMethod::Put)).transpose()?;
    let FileTerms { declared, wish } = terms;
    let done = files.put(&caller.0, at.0, (declared, wish), ticket.as_ref(), &mut body).await?;
    Ok(stored(&done)?)
}
