use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::schedules::Schedules;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::Shown;
use crate::extract::AdminRead;
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduleList)]
pub(crate) struct ScheduleList {
    items: Vec<Shown>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List schedules
///
/// Those that are declared, and those that functions bring along; by name.
#[utoipa::path(
    get,
    path = "/v1/admin/schedules",
    tag = "admin",
    responses((status = 200, description = "All of them.", body = ScheduleList)),
)]
pub(crate) async fn handle(caller: AdminRead, schedules: Data<Schedules>) -> Answer {
    let items = schedules.list(&caller.0).await?.into_iter().map(Shown::from).collect();
    Ok(HttpResponse::Ok().json(ScheduleList { items, next_cursor: None }))
}
