use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Calls;

use crate::extract::{Caller, IdAt};
use crate::problem::Answer;

/// Cancel a task
///
/// As long as it hasn't begun.
#[utoipa::path(
    delete,
    path = "/v1/tasks/{id}",
    tag = "functions",
    responses((status = 204, description = "It will not run.")),
    extensions(("x-codes" = json!(["task_not_found", "task_started", "scope_missing"]))),
)]
pub(crate) async fn handle(caller: Caller, at: IdAt, calls: Data<Calls>) -> Answer {
    calls.cancel(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
