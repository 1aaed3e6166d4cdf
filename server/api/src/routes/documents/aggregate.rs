use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::documents::{AggregateQuery, Documents};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::query::Names;
use crate::extract::{Caller, CollectionAt, ObjectBody};
use crate::problem::Answer;

/// What to measure, of which groups.
#[derive(ToSchema)]
#[schema(as = Aggregate, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes; the body is read by the room")]
pub(crate) struct AggregateSchema {
    /// A condition in CEL over the document; `vars.x` stands for a bound value.
    filter: Option<String>,
    vars: Option<Map<String, Value>>,
    /// Fields (`"genre"`), `{"field":"author.name","as":"author"}`, or spans of local time:
    /// `{"field":"createdAt","bucket":"day","timezone":"Asia/Shanghai","as":"day"}` with `minute`, `hour`, `day`, `week`,
    /// `month`, `quarter`, `year`.
    group_by: Option<Vec<Value>>,
    /// By name: `{"n":{"count":true},"total":{"sum":"amount"}}` with `count`, `sum`, `avg`, `min`, `max`,
    /// `countDistinct`.
    measures: Option<Map<String, Value>>,
    /// A condition in CEL over group keys and measures by their names: which groups count.
    #[schema(example = "n > 2")]
    having: Option<String>,
    /// Names of groups and measures, `-` before one for descending.
    #[schema(value_type = Option<Names>)]
    sort: Option<Names>,
    #[schema(maximum = 500)]
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A page of groups.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AggregatePage {
    /// Group keys and measures by their names; a missing group key is null.
    items: Vec<Map<String, Value>>,
    next_cursor: Option<String>,
}

/// Aggregate documents
///
/// Counts, sums, averages and so on of the documents that match and that the caller may list, by groups.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/aggregate",
    tag = "documents",
    request_body = AggregateSchema,
    responses((status = 200, description = "A page of groups.", body = AggregatePage)),
    extensions(("x-codes" = json!([
        "bad_filter", "bad_cursor", "unknown_field", "bad_parameter", "overflow", "rule_missing", "scope_missing",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, at: CollectionAt, body: ObjectBody, documents: Data<Documents>) -> Answer {
    let groups = documents.aggregate(&caller.0, &at.0, AggregateQuery::from_body(body.map)?).await?;
    Ok(HttpResponse::Ok().json(AggregatePage { items: groups.items, next_cursor: groups.next_cursor }))
}
