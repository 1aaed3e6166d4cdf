use actix_web::HttpResponse;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::Data;
use basalt_app::auth::{Auth, Identifier, NewUser};
use basalt_core::{DocumentId, Result};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::extract::{AdminWrite, Json};
use crate::problem::Answer;
use crate::routes::auth::shared::user;
use crate::routes::documents::shared::{DocumentSchema, at_seq};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewUser)]
pub(crate) struct Body {
    #[schema(value_type = Option<String>)]
    id: Option<DocumentId>,
    email: Option<String>,
    username: Option<String>,
    phone: Option<String>,
    /// Without one the user can't sign in by password.
    #[schema(format = Password)]
    password: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    disabled: bool,
    /// The fields that are the user's own.
    #[serde(default)]
    data: Map<String, Value>,
}

impl Body {
    fn into_user(self) -> Result<NewUser> {
        let parts = [
            self.email.as_deref().map(Identifier::email),
            self.username.as_deref().map(Identifier::username),
            self.phone.as_deref().map(Identifier::phone),
        ];
        Ok(NewUser {
            id: self.id,
            identifiers: parts.into_iter().flatten().collect::<Result<_>>()?,
            password: self.password.map(Into::into),
            email_verified: self.email_verified,
            roles: self.roles,
            claims: self.claims,
            disabled: self.disabled,
            data: self.data,
            ..NewUser::default()
        })
    }
}

/// Make a user
#[utoipa::path(
    post,
    path = "/v1/admin/users",
    tag = "admin",
    responses((status = 201, description = "Made.", body = DocumentSchema)),
    extensions(("x-codes" = json!([
        "bad_request", "field_protected", "document_exists", "unique_conflict", "schema_violation", "weak_password",
    ]))),
)]
pub(crate) async fn handle(caller: AdminWrite, body: Json<Body>, auth: Data<Auth>) -> Answer {
    let (document, seq) = auth.users().create(&caller.0, body.0.into_user()?).await?;
    let mut response = HttpResponse::Created();
    at_seq(&mut response, seq);
    response.insert_header((LOCATION, format!("/v1/admin/users/{}", document.id)));
    Ok(response.insert_header((ETAG, document.etag())).json(user(document)))
}
