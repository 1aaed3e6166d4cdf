use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::{AdminRead, IdAt};
use crate::problem::Answer;
use crate::routes::auth::shared::SessionList;

/// List a user's sessions
#[utoipa::path(
    get,
    path = "/v1/admin/users/{id}/sessions",
    tag = "admin",
    responses((status = 200, description = "The sessions, newest first.", body = SessionList)),
    extensions(("x-codes" = json!(["user_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: IdAt, auth: Data<Auth>) -> Answer {
    let sessions = auth.users().sessions(&caller.0, &at.0).await?;
    Ok(HttpResponse::Ok().json(SessionList::from(sessions)))
}
