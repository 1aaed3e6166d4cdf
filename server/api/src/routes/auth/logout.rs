use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::{Auth, LogOutScope};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{OptionalJson, SignedIn};
use crate::problem::Answer;

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogOut)]
pub(crate) struct Body {
    #[serde(default)]
    scope: Scope,
}

/// Which sessions end.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = LogOutScope)]
pub(crate) enum Scope {
    #[default]
    Current,
    Others,
    All,
}

/// Sign out
///
/// Holds at once, on every node within a second.
#[utoipa::path(
    post,
    path = "/v1/auth/logout",
    tag = "auth",
    request_body = Option<Body>,
    responses((status = 204, description = "The sessions have ended.")),
)]
pub(crate) async fn handle(caller: SignedIn, body: OptionalJson<Body>, auth: Data<Auth>) -> Answer {
    let scope = match body.0.scope {
        Scope::Current => LogOutScope::Current,
        Scope::Others => LogOutScope::Others,
        Scope::All => LogOutScope::All,
    };
    auth.log_out(&caller.0, scope).await?;
    Ok(HttpResponse::NoContent().finish())
}
