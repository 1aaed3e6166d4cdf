use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use basalt_app::auth::{Auth, Identifier, UserChange};
use basalt_core::Result;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::extract::{AdminWrite, IdAt, Json};
use crate::problem::Answer;
use crate::routes::admin::shared::Change;
use crate::routes::auth::shared::user;
use crate::routes::documents::shared::{DocumentSchema, at_seq};

/// What is not sent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = UserChange)]
pub(crate) struct Body {
    /// Null takes it away, as with `username` and `phone`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Change<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    username: Change<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phone: Change<String>,
    email_verified: Option<bool>,
    roles: Option<Vec<String>>,
    claims: Option<Map<String, Value>>,
    /// A disabled user's sessions end at once.
    disabled: Option<bool>,
    /// Ends the user's sessions.
    #[schema(format = Password)]
    password: Option<String>,
    /// A merge patch of the user's own fields.
    #[serde(default)]
    data: Map<String, Value>,
}

impl Body {
    fn into_change(self) -> Result<UserChange> {
        Ok(UserChange {
            email: self.email.identifier(Identifier::email)?,
            username: self.username.identifier(Identifier::username)?,
            phone: self.phone.identifier(Identifier::phone)?,
            email_verified: self.email_verified,
            roles: self.roles,
            claims: self.claims,
            disabled: self.disabled,
            password: self.password.map(Into::into),
            data: self.data,
        })
    }
}

/// Change a user
///
/// Holds at once, on every node within a second.
#[utoipa::path(
    patch,
    path = "/v1/admin/users/{id}",
    tag = "admin",
    responses((status = 200, description = "The user as he is now.", body = DocumentSchema)),
    extensions(("x-codes" = json!([
        "bad_request", "bad_patch", "field_protected", "user_not_found", "unique_conflict", "operator_type_mismatch",
        "overflow", "schema_violation", "weak_password",
    ]))),
)]
pub(crate) async fn handle(caller: AdminWrite, at: IdAt, body: Json<Body>, auth: Data<Auth>) -> Answer {
    let (document, seq) = auth.users().update(&caller.0, &at.0, body.0.into_change()?).await?;
    let mut response = HttpResponse::Ok();
    at_seq(&mut response, seq);
    Ok(response.insert_header((ETAG, document.etag())).json(user(document)))
}
