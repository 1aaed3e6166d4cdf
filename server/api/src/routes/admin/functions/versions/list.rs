use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::shared::ShownVersion;
use crate::extract::{AdminRead, FunctionAt};
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FunctionVersionList {
    items: Vec<ShownVersion>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List a function's versions
///
/// Those that are kept: the last twenty, and those that aliases lead to.
#[utoipa::path(
    get,
    path = "/v1/admin/functions/{function}/versions",
    tag = "admin",
    responses((status = 200, description = "The newest first.", body = FunctionVersionList)),
)]
pub(crate) async fn handle(caller: AdminRead, at: FunctionAt, registry: Data<Registry>) -> Answer {
    let versions = registry.versions(&caller.0, &at.0).await?;
    let items = versions.into_iter().map(|version| ShownVersion::of(version, None)).collect();
    Ok(HttpResponse::Ok().json(FunctionVersionList { items, next_cursor: None }))
}
