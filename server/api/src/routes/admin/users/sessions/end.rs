use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::{AdminWrite, IdAt};
use crate::problem::Answer;

/// End all of a user's sessions
#[utoipa::path(
    delete,
    path = "/v1/admin/users/{id}/sessions",
    tag = "admin",
    responses((status = 204, description = "They have ended.")),
    extensions(("x-codes" = json!(["user_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminWrite, at: IdAt, auth: Data<Auth>) -> Answer {
    auth.users().end_sessions(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
