use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::documents::{Documents, ListQuery};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::shared::{ListAnswer, answer};
use crate::extract::{Caller, CollectionAt, ObjectBody};
use crate::problem::Answer;

/// A query; `sort`, `select` and `expand` are texts as in the URL, or lists.
#[derive(ToSchema)]
#[schema(as = Query)]
#[expect(dead_code, reason = "describes; the body is read by the room")]
pub(crate) struct QuerySchema {
    /// A condition in CEL over the document; `vars.x` stands for a bound value.
    #[schema(example = "status == vars.s")]
    filter: Option<String>,
    vars: Option<Map<String, Value>>,
    /// Full text: words that all have to be found, the last one by its beginning; `"…"` for a phrase. Sorts by relevance
    /// unless `sort` is given, and adds `highlight` to each document.
    search: Option<String>,
    #[schema(value_type = Option<Names>)]
    sort: Option<Names>,
    #[schema(maximum = 500)]
    limit: Option<u32>,
    cursor: Option<String>,
    #[schema(value_type = Option<Names>)]
    select: Option<Names>,
    /// References whose documents are shown along.
    #[schema(value_type = Option<Names>)]
    expand: Option<Names>,
    /// `exact` adds `total`.
    count: Option<String>,
    /// `{"field":"embedding","vector":[…],"k":10,"metric":"cosine"}`: the k documents whose vectors are nearest, each with
    /// its `distance`.
    nearest: Option<Map<String, Value>>,
    /// The plan instead of the documents (services).
    explain: Option<bool>,
}

/// Names in a list, or in one text with commas.
#[derive(ToSchema)]
#[schema(as = Names)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes")]
pub(crate) enum Names {
    Text(String),
    List(Vec<String>),
}

/// Query documents
///
/// The same as the list, with the parameters in a body and values bound by `vars`.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/query",
    tag = "documents",
    request_body = QuerySchema,
    responses((status = 200, description = "A page.", body = ListAnswer)),
    extensions(("x-codes" = json!([
        "bad_filter", "bad_cursor", "unknown_field", "bad_parameter", "not_searchable", "rule_missing", "scope_missing",
        "too_large", "not_available", "forbidden",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, at: CollectionAt, body: ObjectBody, documents: Data<Documents>) -> Answer {
    Ok(answer(&documents, &caller.0, &at.0, ListQuery::from_body(body.map)?, HttpResponse::Ok()).await?)
}
