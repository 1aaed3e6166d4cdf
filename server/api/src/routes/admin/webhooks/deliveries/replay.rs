use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::webhooks::Webhooks;

use super::super::shared::Delivery;
use crate::extract::{AdminWrite, IdAt, NameAt};
use crate::problem::Answer;

/// Send an event again
///
/// As it was, under the same `webhook-id`, to where the webhook points now; also to one that is switched off.
#[utoipa::path(
    post,
    path = "/v1/admin/webhooks/{name}/deliveries/{id}/replay",
    tag = "admin",
    responses((status = 200, description = "What came of it, well or not.", body = Delivery)),
    extensions(("x-codes" = json!(["not_available", "webhook_not_found", "delivery_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminWrite, at: NameAt, id: IdAt, webhooks: Data<Webhooks>) -> Answer {
    Ok(HttpResponse::Ok().json(Delivery::from(webhooks.replay(&caller.0, &at.0, id.0.as_str()).await?)))
}
