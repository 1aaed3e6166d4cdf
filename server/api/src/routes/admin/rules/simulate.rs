use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::collections::Collections;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::extract::{AdminRead, ObjectBody};
use crate::problem::Answer;

/// A supposed caller, and supposed documents.
#[derive(ToSchema)]
#[schema(as = Simulation)]
#[expect(dead_code, reason = "describes; the body is read by the room")]
pub(crate) struct Body {
    collection: String,
    /// `get`, `list`, `create`, `update` or `delete`.
    op: String,
    /// Null: a visitor.
    auth: Option<Map<String, Value>>,
    /// As stored.
    doc: Option<Map<String, Value>>,
    /// As it would be.
    next: Option<Map<String, Value>>,
    request: Option<Map<String, Value>>,
    /// Rules to try in the place of the deployed ones.
    rules: Option<Map<String, Value>>,
}

#[derive(ToSchema)]
#[schema(as = Simulated)]
#[expect(dead_code, reason = "describes; the result is rendered by its room")]
pub(crate) struct Result {
    allowed: bool,
    /// Which rule decided.
    rule: String,
    why: String,
    /// Each node of that rule: `{"from","to","value","why"}`.
    trace: Vec<Map<String, Value>>,
}

/// Try a rule
///
/// And learn why it says what it says. Look-ups find what is stored.
#[utoipa::path(
    post,
    path = "/v1/admin/rules/simulate",
    tag = "admin",
    request_body = Body,
    responses((status = 200, description = "What the rules say.", body = Result)),
    extensions(("x-codes" = json!(["bad_request", "collection_not_found", "invalid_definition"]))),
)]
pub(crate) async fn handle(caller: AdminRead, body: ObjectBody, collections: Data<Collections>) -> Answer {
    let simulated = collections.simulate(&caller.0, &body.map, caller.0.request.time).await?;
    Ok(HttpResponse::Ok().json(simulated))
}
