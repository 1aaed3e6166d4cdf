use actix_web::web::Data;
use basalt_data::documents::{Documents, WriteOptions};

use super::shared::{DocumentSchema, written};
use crate::extract::{Caller, CollectionAt, IdempotencyKey, ObjectBody};
use crate::problem::Answer;

/// Create a document
///
/// The body is the document; it may choose its `id`. Asks the collection's `create` rule. Answers with the document as
/// the caller may read it, or with `id` and `rev` alone.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/documents",
    tag = "documents",
    request_body = Object,
    responses((status = 201, description = "Created. `ETag`, `Location` and `Basalt-Seq` say what and where.", body = DocumentSchema)),
    extensions(("x-codes" = json!([
        "unauthenticated", "rule_denied", "scope_missing", "field_protected", "document_exists", "unique_conflict",
        "schema_violation", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: CollectionAt,
    key: IdempotencyKey,
    body: ObjectBody,
    documents: Data<Documents>,
) -> Answer {
    let options = WriteOptions { idempotency: key.bind(&caller.0, &body.bytes)?, ..WriteOptions::default() };
    let done = documents.create(&caller.0, &at.0, body.map, options).await?;
    Ok(written(at.0.as_str(), done))
}
