use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::Shown;
use crate::extract::AdminRead;
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FunctionList {
    items: Vec<Shown>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List functions
///
/// All that is deployed, by name, with what types are made of.
#[utoipa::path(
    get,
    path = "/v1/admin/functions",
    tag = "admin",
    responses((status = 200, description = "All of them.", body = FunctionList)),
)]
pub(crate) async fn handle(caller: AdminRead, registry: Data<Registry>) -> Answer {
    let deployed = registry.list(&caller.0)?;
    let items = deployed.functions().map(|function| Shown::of(function)).collect();
    Ok(HttpResponse::Ok().json(FunctionList { items, next_cursor: None }))
}
