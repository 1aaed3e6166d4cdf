use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::Named;
use crate::extract::AdminRead;
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretList {
    items: Vec<Named>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List secrets
///
/// Their names; values are told to functions alone.
#[utoipa::path(
    get,
    path = "/v1/admin/secrets",
    tag = "admin",
    responses((status = 200, description = "All of them, by name.", body = SecretList)),
)]
pub(crate) async fn handle(caller: AdminRead, registry: Data<Registry>) -> Answer {
    let items = registry.list_secrets(&caller.0).await?.into_iter().map(Named::from).collect();
    Ok(HttpResponse::Ok().json(SecretList { items, next_cursor: None }))
}
