use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::collections::Collections;
use serde_json::json;
use utoipa::ToSchema;

use crate::extract::AdminRead;
use crate::problem::Answer;

#[derive(ToSchema)]
#[schema(as = AccessList, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes; entries are rendered by their room")]
pub(crate) struct AccessList {
    items: Vec<AccessEntry>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// One operation of one collection.
#[derive(ToSchema)]
#[schema(as = Access, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes")]
pub(crate) struct AccessEntry {
    collection: String,
    op: String,
    /// People without a token: `never`, `depends` or `always`.
    visitor: String,
    /// Whoever made himself an account.
    signed_in: String,
    /// Null: there is no rule, so it is nobody's.
    rule: Option<String>,
}

/// Who can do what
///
/// As far as rules say without a document.
#[utoipa::path(
    get,
    path = "/v1/admin/rules/access",
    tag = "admin",
    responses((status = 200, description = "Every operation of every collection.", body = AccessList)),
)]
pub(crate) async fn handle(caller: AdminRead, collections: Data<Collections>) -> Answer {
    let items = collections.access(&caller.0)?;
    Ok(HttpResponse::Ok().json(json!({ "items": items, "nextCursor": null })))
}
