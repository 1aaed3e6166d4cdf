use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_core::change::seq_to_text;
use basalt_data::documents::Documents;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::extract::{Caller, IdempotencyKey, ObjectBody};
use crate::problem::Answer;
use crate::routes::documents::shared::{at_seq, replayed};

/// Up to 500 operations, each seeing those before it.
#[derive(ToSchema)]
#[schema(as = Transaction)]
#[expect(dead_code, reason = "describes; the body is read by the room")]
pub(crate) struct TransactionSchema {
    #[schema(max_items = 500)]
    operations: Vec<OperationSchema>,
}

/// One operation.
#[derive(ToSchema)]
#[schema(as = Operation, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes")]
pub(crate) struct OperationSchema {
    op: OperationKind,
    collection: String,
    /// May be left out by `create` alone.
    id: Option<String>,
    /// Of `create` and `replace`.
    data: Option<Map<String, Value>>,
    /// Of `patch`: a merge patch with operators, or a list of JSON Patch operations.
    patch: Option<Value>,
    /// Of `patch`: creates what is missing.
    upsert: Option<bool>,
    /// Of `check`: whether the document has to be there.
    exists: Option<bool>,
    /// The revision that the stored document has to have.
    if_match: Option<String>,
    /// A condition in CEL over the stored `doc`.
    r#where: Option<String>,
    vars: Option<Map<String, Value>>,
}

#[derive(ToSchema)]
#[schema(as = OperationKind, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes")]
pub(crate) enum OperationKind {
    Create,
    Replace,
    Patch,
    Delete,
    Check,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TransactionAnswer {
    /// `{"id","rev","document"}` of each operation, in order; `document` is null where the caller may not read it.
    results: Vec<Value>,
    /// Where all of it is contained; null where nothing was written.
    seq: Option<String>,
}

/// Commit a transaction
///
/// All or nothing. A failure is the failing operation's own, with `operation`, its index from 0; nothing is written
/// then.
#[utoipa::path(
    post,
    path = "/v1/transactions",
    tag = "documents",
    request_body = TransactionSchema,
    responses((status = 200, description = "Committed.", body = TransactionAnswer)),
    extensions(("x-codes" = json!([
        "bad_request", "unknown_field", "bad_parameter", "bad_patch", "bad_expression", "id_mismatch",
        "unauthenticated", "rule_denied", "scope_missing", "field_protected", "document_not_found",
        "collection_not_found", "document_exists", "unique_conflict", "condition_failed", "operator_type_mismatch",
        "patch_failed", "overflow", "referenced", "precondition_failed", "schema_violation", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    key: IdempotencyKey,
    body: ObjectBody,
    documents: Data<Documents>,
) -> Answer {
    let idempotency = key.bind(&caller.0, &body.bytes)?;
    let done = documents.transaction(&caller.0, body.map, idempotency).await?;
    let mut response = HttpResponse::Ok();
    at_seq(&mut response, done.seq);
    replayed(&mut response, done.replayed);
    Ok(response.json(TransactionAnswer { results: done.results, seq: done.seq.map(seq_to_text) }))
}
