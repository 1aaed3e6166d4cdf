use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, VARY};
use actix_web::web::Data;
use basalt_core::change::seq_to_text;
use basalt_core::{Actor, ChangeOp, limits};
use basalt_data::documents::{Documents, HistoryPage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Caller, DocumentAt, Query};
use crate::problem::Answer;
use crate::routes::documents::shared::DocumentSchema;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// 1 to 500; 30 where nothing is said.
    #[param(maximum = 500)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// One version of a document.
#[derive(Serialize, ToSchema)]
#[schema(as = DocumentVersion)]
pub(crate) struct VersionBody {
    /// Its place in the log of changes.
    seq: String,
    /// What made it: `create`, `update` or `delete`.
    #[schema(value_type = String)]
    op: ChangeOp,
    #[schema(format = DateTime)]
    at: String,
    /// Who made it: `{"type","id"}`; the id is null where it isn't the caller's own and he is no service or operator.
    #[schema(value_type = Object)]
    actor: Actor,
    /// As the caller may read it; null where the document was deleted.
    #[schema(value_type = Option<DocumentSchema>)]
    document: Option<Map<String, Value>>,
}

/// Versions, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = DocumentHistory)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryBody {
    items: Vec<VersionBody>,
    /// The `cursor` of the next page; null on the last one.
    next_cursor: Option<String>,
}

impl From<HistoryPage> for HistoryBody {
    fn from(page: HistoryPage) -> Self {
        let item = |version: basalt_data::documents::Version| VersionBody {
            seq: seq_to_text(version.seq),
            op: version.op,
            at: version.at.to_string(),
            actor: version.actor,
            document: version.document,
        };
        Self { items: page.items.into_iter().map(item).collect(), next_cursor: page.next_cursor }
    }
}

/// List the versions of a document
///
/// Of collections that keep a history. Needs the right to get the document as it is now; a deleted one has a history
/// for services and operators only.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/documents/{id}/history",
    tag = "documents",
    params(Parameters),
    responses((status = 200, description = "A page of versions.", body = HistoryBody)),
    extensions(("x-codes" = json!([
        "bad_request", "bad_parameter", "bad_cursor", "document_not_found", "scope_missing",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: DocumentAt,
    query: Query<Parameters>,
    documents: Data<Documents>,
) -> Answer {
    let page = (query.0.cursor.as_deref(), query.0.limit.unwrap_or(limits::PAGE_DEFAULT));
    let page = documents.history(&caller.0, &at.collection, &at.id, page).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("private, no-cache")))
        .insert_header((VARY, HeaderValue::from_static("Authorization")))
        .json(HistoryBody::from(page)))
}
