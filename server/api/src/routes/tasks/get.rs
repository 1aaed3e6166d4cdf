use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::{Calls, TaskState};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::extract::{Caller, IdAt};
use crate::problem::Answer;

/// A call that nobody waits for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    id: String,
    function: String,
    /// `pending`, `running`, `succeeded`, `failed` or `canceled`.
    status: &'static str,
    #[schema(format = DateTime)]
    run_at: String,
    attempts: u32,
    /// Of one that succeeded, where it returned something.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// `{"status","code","message"}` of the last try.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Map<String, Value>>,
}

/// See a task
///
/// For the user who asked for it, and for services with `functions:read`; for a day after it is over.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}",
    tag = "functions",
    responses((status = 200, description = "How it is.", body = Task)),
    extensions(("x-codes" = json!(["task_not_found", "scope_missing"]))),
)]
pub(crate) async fn handle(caller: Caller, at: IdAt, calls: Data<Calls>) -> Answer {
    let TaskState { id, function, status, run_at, attempts, result, error } = calls.task(&caller.0, &at.0).await?;
    let (id, run_at) = (id.to_string(), run_at.to_string());
    Ok(HttpResponse::Ok().json(Task { id, function, status, run_at, attempts, result, error }))
}
