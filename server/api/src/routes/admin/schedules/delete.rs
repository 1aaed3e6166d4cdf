use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::schedules::Schedules;

use crate::extract::{NameAt, Owner};
use crate::problem::Answer;

/// Remove a schedule
///
/// With what is known of its runs. A function's own goes with the function.
#[utoipa::path(
    delete,
    path = "/v1/admin/schedules/{name}",
    tag = "admin",
    responses((status = 204, description = "Removed.")),
    extensions(("x-codes" = json!(["schedule_not_found", "referenced"]))),
)]
pub(crate) async fn handle(caller: Owner, at: NameAt, schedules: Data<Schedules>) -> Answer {
    schedules.delete(&caller.0, at.0.as_str()).await?;
    Ok(HttpResponse::NoContent().finish())
}
