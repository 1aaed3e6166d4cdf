use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use basalt_app::operators::Operators;
use serde::Deserialize;
use utoipa::ToSchema;

use super::shared::OperatorSignedIn;
use crate::extract::{Anyone, Json, SameOrigin};
use crate::problem::Answer;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OperatorLogIn)]
pub(crate) struct Body {
    email: String,
    #[schema(format = Password)]
    password: String,
}

/// Sign in as an operator
///
/// By cookie (`HttpOnly; SameSite=Strict; Path=/v1/admin`).
#[utoipa::path(
    post,
    path = "/v1/admin/login",
    tag = "admin",
    responses((status = 200, description = "Signed in.", body = OperatorSignedIn)),
    extensions(("x-codes" = json!(["bad_request", "invalid_credentials", "rate_limited"]))),
)]
pub(crate) async fn handle(
    caller: Anyone,
    _: SameOrigin,
    body: Json<Body>,
    operators: Data<Operators>,
    request: HttpRequest,
) -> Answer {
    let session = operators.log_in(&caller.0, &body.0.email, &body.0.password.into()).await?;
    let mut response = HttpResponse::Ok();
    let body = OperatorSignedIn::of(session, &request, &mut response);
    Ok(response.json(body))
}
