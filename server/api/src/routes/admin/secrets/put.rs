use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::Secret;
use basalt_app::functions::Registry;
use serde::Deserialize;
use utoipa::ToSchema;

use super::shared::alias;
use crate::extract::{Json, Owner, SecretAt};
use crate::problem::Answer;

/// A secret's value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretValue)]
pub(crate) struct Body {
    #[schema(min_length = 1)]
    value: String,
    /// For this alias alone; where nothing is said, for every alias without its own.
    alias: Option<String>,
}

/// Set a secret
///
/// Functions see it in `ctx.secrets` from their next call on. It is kept sealed, never shown again, and replaced by
/// `[secret]` in what functions log.
#[utoipa::path(
    put,
    path = "/v1/admin/secrets/{secret}",
    tag = "admin",
    request_body = Body,
    responses((status = 204, description = "Set.")),
    extensions(("x-codes" = json!(["bad_request", "quota_exceeded"]))),
)]
pub(crate) async fn handle(caller: Owner, at: SecretAt, body: Json<Body>, registry: Data<Registry>) -> Answer {
    let alias = alias(body.0.alias.as_deref())?;
    registry.set_secret(&caller.0, (&at.0, alias.as_ref()), &Secret::from(body.0.value)).await?;
    Ok(HttpResponse::NoContent().finish())
}
