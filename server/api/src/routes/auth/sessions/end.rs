use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::{IdAt, SignedIn};
use crate::problem::Answer;

/// End one of one's own sessions
#[utoipa::path(
    delete,
    path = "/v1/auth/sessions/{id}",
    tag = "auth",
    responses((status = 204, description = "The session has ended.")),
    extensions(("x-codes" = json!(["session_not_found"]))),
)]
pub(crate) async fn handle(caller: SignedIn, at: IdAt, auth: Data<Auth>) -> Answer {
    auth.end_session(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
