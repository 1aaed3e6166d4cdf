use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::webhooks::Webhooks;

use super::super::shared::Delivery;
use crate::extract::{AdminRead, IdAt, NameAt};
use crate::problem::Answer;

/// Get a delivery
#[utoipa::path(
    get,
    path = "/v1/admin/webhooks/{name}/deliveries/{id}",
    tag = "admin",
    responses((status = 200, description = "One try.", body = Delivery)),
    extensions(("x-codes" = json!(["delivery_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: NameAt, id: IdAt, webhooks: Data<Webhooks>) -> Answer {
    Ok(HttpResponse::Ok().json(Delivery::from(webhooks.delivery(&caller.0, &at.0, id.0.as_str()).await?)))
}
