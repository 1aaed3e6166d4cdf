use actix_web::web::Data;
use basalt_data::documents::{Documents, WriteOptions};
use serde::Deserialize;
use utoipa::IntoParams;

use super::shared::{DocumentSchema, condition, written};
use crate::extract::{Caller, DocumentAt, PatchDocument, Query, Terms};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// A condition in CEL over the stored `doc`; 409 `condition_failed` unless it is true.
    r#where: Option<String>,
    /// Creates what is missing; operators then act on an empty document.
    #[serde(default)]
    upsert: bool,
}

/// Change a document
///
/// A merge patch (RFC 7396) whose fields may be operators (`{"$increment":1}`, `$max`, `$min`, `$union`, `$remove`,
/// `$append`, `$now`, `$set`, `$unset`), or a JSON Patch (RFC 6902) by its content type. Atomic under concurrency. Asks
/// the `update` rule.
#[utoipa::path(
    patch,
    path = "/v1/collections/{collection}/documents/{id}",
    tag = "documents",
    params(Parameters),
    request_body(content(
        (Object = "application/json"),
        (Object = "application/merge-patch+json"),
        (Vec<Object> = "application/json-patch+json"),
    )),
    responses(
        (status = 200, description = "Changed.", body = DocumentSchema),
        (status = 201, description = "Created by `upsert`.", body = DocumentSchema),
    ),
    extensions(("x-codes" = json!([
        "bad_patch", "bad_expression", "id_mismatch", "unauthenticated", "rule_denied", "scope_missing",
        "field_protected", "document_not_found", "unique_conflict", "condition_failed", "operator_type_mismatch",
        "patch_failed", "overflow", "precondition_failed", "schema_violation", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: DocumentAt,
    terms: Terms,
    query: Query<Parameters>,
    body: PatchDocument,
    documents: Data<Documents>,
) -> Answer {
    let options = terms.options(&caller.0, &body.bytes)?;
    let options = WriteOptions { condition: condition(query.0.r#where), upsert: query.0.upsert, ..options };
    let done = documents.patch(&caller.0, &at.collection, &at.id, body.patch, options).await?;
    Ok(written(at.collection.as_str(), done))
}
