use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::{Auth, LogIn};
use basalt_core::{Code, Error};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shared::{SignedIn, identifiers};
use crate::extract::{Anyone, DeviceOf, Json};
use crate::problem::Answer;
use crate::routes::documents::shared::at_seq;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogIn)]
pub(crate) struct Body {
    /// Exactly one of `email`, `username` and `phone`.
    email: Option<String>,
    username: Option<String>,
    phone: Option<String>,
    #[schema(format = Password)]
    password: String,
}

/// Sign in by password
///
/// A wrong user and a wrong password are answered alike, in equal time.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    tag = "auth",
    responses((status = 200, description = "Signed in.", body = SignedIn)),
    extensions(("x-codes" = json!([
        "bad_request", "invalid_credentials", "method_disabled", "account_disabled", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(caller: Anyone, device: DeviceOf, body: Json<Body>, auth: Data<Auth>) -> Answer {
    let Body { email, username, phone, password } = body.0;
    let mut found = identifiers(email.as_deref(), username.as_deref(), phone.as_deref())?;
    let (Some(identifier), true) = (found.pop(), found.is_empty()) else {
        return Err(Error::new(Code::BadRequest, "Name one of email, username and phone.").into());
    };
    let signed_in = auth.log_in(&caller.0, &device.0, LogIn { identifier, password: password.into() }).await?;
    let mut response = HttpResponse::Ok();
    at_seq(&mut response, signed_in.seq);
    Ok(response.json(SignedIn::from(signed_in)))
}
