use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::SignedIn;
use crate::problem::Answer;
use crate::routes::auth::shared::SessionList;

/// List one's own sessions
#[utoipa::path(
    get,
    path = "/v1/auth/sessions",
    tag = "auth",
    responses((status = 200, description = "The sessions, newest first.", body = SessionList)),
)]
pub(crate) async fn handle(caller: SignedIn, auth: Data<Auth>) -> Answer {
    let sessions = auth.sessions(&caller.0).await?;
    Ok(HttpResponse::Ok().json(SessionList::from(sessions)))
}
