use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::{Owner, RoleAt};
use crate::problem::Answer;

/// Take a role back
///
/// It counts for nobody from now on, on every node within a second. One that others inherit from stays.
#[utoipa::path(
    delete,
    path = "/v1/admin/roles/{role}",
    tag = "admin",
    responses((status = 204, description = "Taken back.")),
    extensions(("x-codes" = json!(["role_not_found", "referenced"]))),
)]
pub(crate) async fn handle(caller: Owner, at: RoleAt, auth: Data<Auth>) -> Answer {
    auth.roles().delete(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
