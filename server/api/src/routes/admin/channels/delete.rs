use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::realtime::Realtime;

use crate::extract::{Owner, PatternAt};
use crate::problem::Answer;

/// Close channels
///
/// Nobody may be in such channels any more; those who are lose them, on every node within a second.
#[utoipa::path(
    delete,
    path = "/v1/admin/channels/{pattern}",
    tag = "admin",
    responses((status = 204, description = "Closed.")),
    extensions(("x-codes" = json!(["channel_not_found"]))),
)]
pub(crate) async fn handle(caller: Owner, at: PatternAt, realtime: Data<Realtime>) -> Answer {
    realtime.delete_channel(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
