use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::Session;
use crate::extract::{Anyone, DeviceOf, Json};
use crate::problem::Answer;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Refresh)]
pub(crate) struct Body {
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Refreshed {
    session: Session,
}

/// Renew a session
///
/// The refresh token is spent; using it once more, but for a few seconds' grace, ends the session.
#[utoipa::path(
    post,
    path = "/v1/auth/refresh",
    tag = "auth",
    responses((status = 200, description = "New tokens.", body = Refreshed)),
    extensions(("x-codes" = json!([
        "invalid_token", "token_expired", "session_ended", "account_disabled", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(caller: Anyone, device: DeviceOf, body: Json<Body>, auth: Data<Auth>) -> Answer {
    let session = auth.refresh(&caller.0, &device.0, &body.0.refresh_token.into()).await?;
    Ok(HttpResponse::Ok().json(Refreshed { session: session.into() }))
}
