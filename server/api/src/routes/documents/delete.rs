use actix_web::web::Data;
use basalt_data::documents::{Documents, WriteOptions};

use super::shared::{Conditional, condition, written};
use crate::extract::{Caller, DocumentAt, Query, Terms};
use crate::problem::Answer;

/// Delete a document
///
/// Asks the `delete` rule.
#[utoipa::path(
    delete,
    path = "/v1/collections/{collection}/documents/{id}",
    tag = "documents",
    params(Conditional),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-codes" = json!([
        "bad_expression", "unauthenticated", "rule_denied", "scope_missing", "document_not_found", "condition_failed",
        "referenced", "precondition_failed", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: DocumentAt,
    terms: Terms,
    query: Query<Conditional>,
    documents: Data<Documents>,
) -> Answer {
    let options = terms.options(&caller.0, b"")?;
    let options = WriteOptions { condition: condition(query.0.r#where), ..options };
    let done = documents.delete(&caller.0, &at.collection, &at.id, options).await?;
    Ok(written(at.collection.as_str(), done))
}
