use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use basalt_app::keys::{Keys, NewKey};
use basalt_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::extract::{Json, Owner};
use crate::problem::Answer;
use crate::routes::admin::shared::{Key, scopes};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewKey)]
pub(crate) struct Body {
    #[schema(max_length = 128)]
    name: String,
    /// `*`, `admin`, or such as `documents:read` and `documents:write:orders`.
    scopes: Vec<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    info: Key,
    /// The key itself, in this answer alone.
    key: String,
}

/// Make a service key
#[utoipa::path(
    post,
    path = "/v1/admin/keys",
    tag = "admin",
    responses((status = 201, description = "The key; keep it, it is not shown again.", body = CreatedKey)),
    extensions(("x-codes" = json!(["bad_request"]))),
)]
pub(crate) async fn handle(caller: Owner, body: Json<Body>, keys: Data<Keys>) -> Answer {
    let Body { name, scopes: texts, expires_at } = body.0;
    let new = NewKey { name, scopes: scopes(&texts)?, expires_at };
    let (info, key) = keys.create(&caller.0, new).await?;
    let location = (LOCATION, format!("/v1/admin/keys/{}", info.id));
    let body = CreatedKey { info: info.into(), key: key.expose().to_owned() };
    Ok(HttpResponse::Created().insert_header(location).json(body))
}
