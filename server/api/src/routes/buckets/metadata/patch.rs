use actix_web::web::Data;
use basalt_app::files::Files;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::shared::{FileSchema, stored};
use crate::extract::{Caller, FileAt, Json};
use crate::problem::Answer;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FileChange)]
pub(crate) struct Body {
    /// A merge patch (RFC 7396) of what the app says of the file; values may be operators.
    data: Map<String, Value>,
}

/// Change what is said of a file
///
/// Its `data` alone: everything else is the server's. Asks the bucket's `update` rule.
#[utoipa::path(
    patch,
    path = "/v1/buckets/{bucket}/metadata/{path}",
    tag = "files",
    request_body = Body,
    responses((status = 200, description = "The metadata.", body = FileSchema)),
    extensions(("x-codes" = json!([
        "unauthenticated", "rule_denied", "rule_missing", "scope_missing", "bad_patch", "operator_type_mismatch",
        "schema_violation", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, at: FileAt, body: Json<Body>, files: Data<Files>) -> Answer {
    Ok(stored(&files.set_data(&caller.0, at.0, body.0.data).await?)?)
}
