use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::logs::Line;
use super::shared::Recorded;
use crate::extract::{AdminRead, IdAt};
use crate::problem::Answer;

/// A call, and what it logged.
#[derive(Serialize, ToSchema)]
#[schema(as = InvocationWithLogs)]
pub(crate) struct Whole {
    #[serde(flatten)]
    record: Recorded,
    /// The oldest line first.
    logs: Vec<Line>,
}

/// Read a call of a function
///
/// With what it logged, at most 1,000 lines.
#[utoipa::path(
    get,
    path = "/v1/admin/invocations/{id}",
    tag = "admin",
    responses((status = 200, description = "The call.", body = Whole)),
    extensions(("x-codes" = json!(["invocation_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: IdAt, registry: Data<Registry>) -> Answer {
    let (record, logs) = registry.invocation(&caller.0, &at.0).await?;
    let logs = logs.into_iter().map(Line::from).collect();
    Ok(HttpResponse::Ok().json(Whole { record: record.into(), logs }))
}
