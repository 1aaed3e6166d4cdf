use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::{AdminRead, RoleAt};
use crate::problem::Answer;
use crate::routes::admin::shared::Declared;

/// Get a role
#[utoipa::path(
    get,
    path = "/v1/admin/roles/{role}",
    tag = "admin",
    responses((status = 200, description = "The role.", body = Declared)),
    extensions(("x-codes" = json!(["role_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: RoleAt, auth: Data<Auth>) -> Answer {
    Ok(HttpResponse::Ok().json(Declared::from(auth.roles().get(&caller.0, &at.0).await?)))
}
