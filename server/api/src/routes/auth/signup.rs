use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::{Auth, SignUp};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::shared::{SignedIn, identifiers};
use crate::extract::{Caller, DeviceOf, Json};
use crate::problem::Answer;
use crate::routes::documents::shared::at_seq;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignUp)]
pub(crate) struct Body {
    /// At least one of `email`, `username` and `phone`.
    email: Option<String>,
    username: Option<String>,
    phone: Option<String>,
    #[schema(min_length = 8, format = Password)]
    password: String,
    /// Fields of one's own for the user's document; never the server's.
    #[serde(default)]
    data: Map<String, Value>,
}

/// Sign up
///
/// With the token of an anonymous user that account is upgraded and keeps its id.
#[utoipa::path(
    post,
    path = "/v1/auth/signup",
    tag = "auth",
    responses((status = 201, description = "The account is made; `session` is null while its address has to be proven.", body = SignedIn)),
    extensions(("x-codes" = json!([
        "bad_request", "sign_up_disabled", "method_disabled", "field_protected", "forbidden", "unique_conflict",
        "schema_violation", "weak_password", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, device: DeviceOf, body: Json<Body>, auth: Data<Auth>) -> Answer {
    let Body { email, username, phone, password, data } = body.0;
    let identifiers = identifiers(email.as_deref(), username.as_deref(), phone.as_deref())?;
    let input = SignUp { identifiers, password: password.into(), data };
    let signed_in = auth.sign_up(&caller.0, &device.0, input).await?;
    let mut response = HttpResponse::Created();
    at_seq(&mut response, signed_in.seq);
    Ok(response.json(SignedIn::from(signed_in)))
}
