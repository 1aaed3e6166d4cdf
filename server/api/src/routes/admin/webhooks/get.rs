use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::webhooks::Webhooks;

use super::shared::Shown;
use crate::extract::{AdminRead, NameAt};
use crate::problem::Answer;

/// Get a webhook
#[utoipa::path(
    get,
    path = "/v1/admin/webhooks/{name}",
    tag = "admin",
    responses((status = 200, description = "The webhook, without its secret.", body = Shown)),
    extensions(("x-codes" = json!(["webhook_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: NameAt, webhooks: Data<Webhooks>) -> Answer {
    Ok(HttpResponse::Ok().json(Shown::from(webhooks.get(&caller.0, &at.0).await?)))
}
