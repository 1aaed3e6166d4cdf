use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::webhooks::Webhooks;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::Shown;
use crate::extract::AdminRead;
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookList {
    items: Vec<Shown>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List webhooks
#[utoipa::path(
    get,
    path = "/v1/admin/webhooks",
    tag = "admin",
    responses((status = 200, description = "The webhooks by name, without their secrets.", body = WebhookList)),
)]
pub(crate) async fn handle(caller: AdminRead, webhooks: Data<Webhooks>) -> Answer {
    let items = webhooks.list(&caller.0).await?.into_iter().map(Shown::from).collect();
    Ok(HttpResponse::Ok().json(WebhookList { items, next_cursor: None }))
}
