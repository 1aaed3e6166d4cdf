use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::realtime::Realtime;

use super::shared::Declared;
use crate::extract::{AdminRead, PatternAt};
use crate::problem::Answer;

/// Get a pattern of channels
#[utoipa::path(
    get,
    path = "/v1/admin/channels/{pattern}",
    tag = "admin",
    responses((status = 200, description = "The pattern with its rules.", body = Declared)),
    extensions(("x-codes" = json!(["channel_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: PatternAt, realtime: Data<Realtime>) -> Answer {
    Ok(HttpResponse::Ok().json(Declared::from(realtime.channel(&caller.0, &at.0).await?)))
}
