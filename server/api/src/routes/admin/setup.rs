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
#[schema(as = SetUp)]
pub(crate) struct Body {
    /// From the link that the server printed at its first start.
    token: String,
    email: String,
    #[schema(min_length = 8, format = Password)]
    password: String,
}

/// Make the first owner
///
/// By the one-time token alone, and only while there is no operator. Signs in by cookie.
#[utoipa::path(
    post,
    path = "/v1/admin/setup",
    tag = "admin",
    responses((status = 201, description = "The owner is made and signed in.", body = OperatorSignedIn)),
    extensions(("x-codes" = json!([
        "bad_request", "invalid_token", "token_expired", "setup_done", "weak_password", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(
    caller: Anyone,
    _: SameOrigin,
    body: Json<Body>,
    operators: Data<Operators>,
    request: HttpRequest,
) -> Answer {
    let Body { token, email, password } = body.0;
    let session = operators.set_up(&caller.0, &token.into(), &email, &password.into()).await?;
    let mut response = HttpResponse::Created();
    let body = OperatorSignedIn::of(session, &request, &mut response);
    Ok(response.json(body))
}
