use actix_web::web::Data;
use basalt_data::documents::{Documents, WriteOptions};

use super::shared::{Conditional, DocumentSchema, condition, written};
use crate::extract::{Caller, DocumentAt, ObjectBody, Query, Terms};
use crate::problem::Answer;

/// Create or replace a document
///
/// The body is the whole document; an `id` in it has to be the path's. Asks the `create` or the `update` rule.
/// `If-None-Match: *` creates only, `If-Match: *` replaces only.
#[utoipa::path(
    put,
    path = "/v1/collections/{collection}/documents/{id}",
    tag = "documents",
    params(Conditional),
    request_body = Object,
    responses(
        (status = 200, description = "Replaced.", body = DocumentSchema),
        (status = 201, description = "Created.", body = DocumentSchema),
    ),
    extensions(("x-codes" = json!([
        "id_mismatch", "bad_expression", "unauthenticated", "rule_denied", "scope_missing", "field_protected",
        "document_not_found", "document_exists", "unique_conflict", "condition_failed", "precondition_failed",
        "schema_violation", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: DocumentAt,
    terms: Terms,
    query: Query<Conditional>,
    body: ObjectBody,
    documents: Data<Documents>,
) -> Answer {
    let options = terms.options(&caller.0, &body.bytes)?;
    let options = WriteOptions { condition: condition(query.0.r#where), ..options };
    let done = documents.put(&caller.0, &at.collection, &at.id, body.map, options).await?;
    Ok(written(at.collection.as_str(), done))
}
