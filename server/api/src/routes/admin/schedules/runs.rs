use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::schedules::Schedules;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::ShownRun;
use crate::extract::{AdminRead, NameAt};
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduleRunList)]
pub(crate) struct Runs {
    items: Vec<ShownRun>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List a schedule's runs
///
/// The last 100, the newest first; skipped ones among them.
#[utoipa::path(
    get,
    path = "/v1/admin/schedules/{name}/runs",
    tag = "admin",
    responses((status = 200, description = "All that are kept.", body = Runs)),
    extensions(("x-codes" = json!(["schedule_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: NameAt, schedules: Data<Schedules>) -> Answer {
    let items = schedules.runs(&caller.0, at.0.as_str()).await?.into_iter().map(ShownRun::from).collect();
    Ok(HttpResponse::Ok().json(Runs { items, next_cursor: None }))
}
