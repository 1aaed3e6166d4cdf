use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::schedules::Schedules;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::{AdminWrite, NameAt};
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[schema(as = StartedRun)]
pub(crate) struct Started {
    /// As the list of runs names it.
    id: String,
}

/// Run a schedule now
///
/// Whatever its times are and whatever else goes on, also while it is switched off.
#[utoipa::path(
    post,
    path = "/v1/admin/schedules/{name}/run",
    tag = "admin",
    responses((status = 202, description = "It is on its way.", body = Started)),
    extensions(("x-codes" = json!(["schedule_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminWrite, at: NameAt, schedules: Data<Schedules>) -> Answer {
    let id = schedules.run_now(&caller.0, at.0.as_str()).await?;
    Ok(HttpResponse::Accepted().json(Started { id }))
}
