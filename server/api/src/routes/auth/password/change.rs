use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::{Auth, ChangePassword};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Json, SignedIn};
use crate::problem::Answer;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ChangePassword)]
pub(crate) struct Body {
    #[schema(format = Password)]
    current_password: String,
    #[schema(min_length = 8, format = Password)]
    new_password: String,
}

/// Change one's own password
///
/// Ends one's other sessions.
#[utoipa::path(
    post,
    path = "/v1/auth/password/change",
    tag = "auth",
    responses((status = 204, description = "Changed.")),
    extensions(("x-codes" = json!(["invalid_credentials", "method_disabled", "weak_password", "rate_limited"]))),
)]
pub(crate) async fn handle(caller: SignedIn, body: Json<Body>, auth: Data<Auth>) -> Answer {
    let Body { current_password, new_password } = body.0;
    let input = ChangePassword { current: current_password.into(), new: new_password.into() };
    auth.change_password(&caller.0, input).await?;
    Ok(HttpResponse::NoContent().finish())
}
