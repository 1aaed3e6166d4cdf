use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;
use serde::Deserialize;
use utoipa::ToSchema;

use super::shared::SignedIn;
use crate::extract::{Caller, DeviceOf, OptionalJson};
use crate::problem::Answer;
use crate::routes::documents::shared::at_seq;

/// Nothing has to be said.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Anonymous)]
pub(crate) struct Body {}

/// Make an anonymous account
///
/// Sign up with its token later to keep its id and documents.
#[utoipa::path(
    post,
    path = "/v1/auth/anonymous",
    tag = "auth",
    request_body = Option<Body>,
    responses((status = 201, description = "Signed in as a user with `anonymous: true`.", body = SignedIn)),
    extensions(("x-codes" = json!(["method_disabled", "sign_up_disabled", "forbidden", "rate_limited"]))),
)]
pub(crate) async fn handle(caller: Caller, device: DeviceOf, _: OptionalJson<Body>, auth: Data<Auth>) -> Answer {
    let signed_in = auth.anonymous(&caller.0, &device.0).await?;
    let mut response = HttpResponse::Created();
    at_seq(&mut response, signed_in.seq);
    Ok(response.json(SignedIn::from(signed_in)))
}
