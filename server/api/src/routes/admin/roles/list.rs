use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::AdminRead;
use crate::problem::Answer;
use crate::routes::admin::shared::Declared;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleList {
    items: Vec<Declared>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List roles
///
/// Those that users may be given, by name.
#[utoipa::path(
    get,
    path = "/v1/admin/roles",
    tag = "admin",
    responses((status = 200, description = "The roles.", body = RoleList)),
)]
pub(crate) async fn handle(caller: AdminRead, auth: Data<Auth>) -> Answer {
    let items = auth.roles().list(&caller.0).await?.into_iter().map(Declared::from).collect();
    Ok(HttpResponse::Ok().json(RoleList { items, next_cursor: None }))
}
