use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use basalt_app::operators::Operators;

use crate::extract::{Anyone, OperatorCookie, SameOrigin, cookie};
use crate::problem::Answer;

/// Sign out as an operator
#[utoipa::path(
    post,
    path = "/v1/admin/logout",
    tag = "admin",
    responses((status = 204, description = "The session, if there was one, has ended; the cookie is taken back.")),
)]
pub(crate) async fn handle(
    caller: Anyone,
    _: SameOrigin,
    session: OperatorCookie,
    operators: Data<Operators>,
    request: HttpRequest,
) -> Answer {
    if let Some(session) = session.0 {
        operators.log_out(&caller.0, &session).await?;
    }
    Ok(HttpResponse::NoContent().cookie(cookie("", &request)).finish())
}
