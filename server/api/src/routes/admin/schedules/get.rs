use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::schedules::Schedules;

use super::shared::Shown;
use crate::extract::{AdminRead, NameAt};
use crate::problem::Answer;

/// Get a schedule
#[utoipa::path(
    get,
    path = "/v1/admin/schedules/{name}",
    tag = "admin",
    responses((status = 200, description = "The schedule.", body = Shown)),
    extensions(("x-codes" = json!(["schedule_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: NameAt, schedules: Data<Schedules>) -> Answer {
    Ok(HttpResponse::Ok().json(Shown::from(schedules.get(&caller.0, at.0.as_str()).await?)))
}
