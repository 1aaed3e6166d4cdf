use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::realtime::Realtime;
use basalt_data::channels::Definition;
use serde_json::Value;

use super::shared::Declared;
use crate::extract::{ObjectBody, Owner, PatternAt};
use crate::problem::Answer;

/// Declare channels
///
/// Or change their rules, the whole of them: `{"rules":{"join":"…","publish":"…"}}`. Holds here at once and on every
/// node within a second, for those who are in, too. A pattern that the same names fit is replaced.
#[utoipa::path(
    put,
    path = "/v1/admin/channels/{pattern}",
    tag = "admin",
    request_body = Object,
    responses((status = 200, description = "The pattern with its rules.", body = Declared)),
    extensions(("x-codes" = json!(["invalid_definition", "quota_exceeded"]))),
)]
pub(crate) async fn handle(caller: Owner, at: PatternAt, body: ObjectBody, realtime: Data<Realtime>) -> Answer {
    let definition = Definition::parse(at.0.as_str(), &Value::Object(body.map))?;
    Ok(HttpResponse::Ok().json(Declared::from(realtime.put_channel(&caller.0, definition).await?)))
}
