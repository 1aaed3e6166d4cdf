use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::webhooks::Webhooks;

use super::shared::Delivery;
use crate::extract::{AdminWrite, NameAt};
use crate::problem::Answer;

/// Send a sample event
///
/// Of the type `basalt.webhook.test`, once and at once; what the receiver answered is in the answer.
#[utoipa::path(
    post,
    path = "/v1/admin/webhooks/{name}/test",
    tag = "admin",
    responses((status = 200, description = "What came of it, well or not.", body = Delivery)),
    extensions(("x-codes" = json!(["webhook_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminWrite, at: NameAt, webhooks: Data<Webhooks>) -> Answer {
    Ok(HttpResponse::Ok().json(Delivery::from(webhooks.test(&caller.0, &at.0).await?)))
}
