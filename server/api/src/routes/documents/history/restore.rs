use actix_web::web::Data;
use basalt_data::documents::Documents;

use crate::extract::{Caller, Terms, VersionAt};
use crate::problem::Answer;
use crate::routes::documents::shared::{DocumentSchema, written};

/// Go back to a version of a document
///
/// A write like a `PUT` of that version, as far as the caller reads it: asks the `create` or the `update` rule and the
/// schema. Before-hooks are not asked.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/documents/{id}/history/{seq}/restore",
    tag = "documents",
    responses(
        (status = 200, description = "It is again what it was.", body = DocumentSchema),
        (status = 201, description = "It is there again.", body = DocumentSchema),
    ),
    extensions(("x-codes" = json!([
        "bad_request", "unauthenticated", "rule_denied", "scope_missing", "document_not_found", "unique_conflict",
        "precondition_failed", "schema_violation", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, at: VersionAt, terms: Terms, documents: Data<Documents>) -> Answer {
    let options = terms.options(&caller.0, b"")?;
    let done = documents.restore(&caller.0, &at.collection, &at.id, &at.seq, options).await?;
    Ok(written(at.collection.as_str(), done))
}
