use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, VARY};
use actix_web::web::Data;
use basalt_data::documents::Documents;

use super::shared::{ListAnswer, ListParameters, answer};
use crate::extract::{Caller, CollectionAt, Query};
use crate::problem::Answer;

/// List documents
///
/// Those that match the filter and that the caller may list, in order, a page at a time. Values belong into `vars` of
/// a query rather than into the filter's text.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/documents",
    tag = "documents",
    params(ListParameters),
    responses((status = 200, description = "A page.", body = ListAnswer)),
    extensions(("x-codes" = json!(["bad_filter", "bad_cursor", "not_searchable", "rule_missing", "scope_missing",
        "bad_parameter", "too_large", "not_available", "forbidden"]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: CollectionAt,
    query: Query<ListParameters>,
    documents: Data<Documents>,
) -> Answer {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("private, no-cache")));
    response.insert_header((VARY, HeaderValue::from_static("Authorization")));
    Ok(answer(&documents, &caller.0, &at.0, query.0.into_query()?, response).await?)
}
