use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::schedules::Schedules;
use serde_json::Value;

use super::shared::Shown;
use crate::extract::{NameAt, ObjectBody, Owner};
use crate::problem::Answer;

/// Declare a schedule
///
/// Or change it: the same content changes nothing. The body is the entry of `app.toml` in JSON: `cron`, `function`, and
/// `timezone`, `input`, `catchUp`, `overlap`, `enabled` where they aren't the usual. Under a new `cron` or `timezone`
/// ticks count from now on.
#[utoipa::path(
    put,
    path = "/v1/admin/schedules/{name}",
    tag = "admin",
    request_body = Object,
    responses((status = 200, description = "Declared.", body = Shown)),
    extensions(("x-codes" = json!(["invalid_definition", "quota_exceeded"]))),
)]
pub(crate) async fn handle(caller: Owner, at: NameAt, body: ObjectBody, schedules: Data<Schedules>) -> Answer {
    let info = schedules.put(&caller.0, at.0.as_str(), &Value::Object(body.map)).await?;
    Ok(HttpResponse::Ok().json(Shown::from(info)))
}
