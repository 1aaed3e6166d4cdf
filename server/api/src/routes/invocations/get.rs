use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::{Calls, InvocationState};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::extract::{Caller, IdAt};
use crate::problem::Answer;

/// A call whose answer waits.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invocation {
    id: String,
    function: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// `queued`, `running`, `succeeded` or `failed`.
    status: &'static str,
    /// Of one that succeeded, where it returned something.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// `{"status","code","message"}` of one that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
}

/// Fetch the answer of a call
///
/// Of one with `Prefer: respond-async`: for the user who made it, and for services with `functions:read`; for a day after
/// it is over.
#[utoipa::path(
    get,
    path = "/v1/invocations/{id}",
    tag = "functions",
    responses((status = 200, description = "How it is.", body = Invocation)),
    extensions(("x-codes" = json!(["invocation_not_found", "scope_missing"]))),
)]
pub(crate) async fn handle(caller: Caller, at: IdAt, calls: Data<Calls>) -> Answer {
    let found = calls.invocation(&caller.0, &at.0).await?;
    let InvocationState { id, function, version, status, result, error, started_at, duration_ms } = found;
    let (id, started_at) = (id.to_string(), started_at.map(|time| time.to_string()));
    Ok(HttpResponse::Ok().json(Invocation { id, function, version, status, result, error, started_at, duration_ms }))
}
