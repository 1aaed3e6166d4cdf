use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;
use serde::Deserialize;
use utoipa::IntoParams;

use super::shared::alias;
use crate::extract::{Owner, Query, SecretAt};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The one of this alias; where nothing is said, the one for every alias without its own.
    alias: Option<String>,
}

/// Delete a secret
#[utoipa::path(
    delete,
    path = "/v1/admin/secrets/{secret}",
    tag = "admin",
    params(Parameters),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-codes" = json!(["bad_request", "secret_not_found"]))),
)]
pub(crate) async fn handle(caller: Owner, at: SecretAt, query: Query<Parameters>, registry: Data<Registry>) -> Answer {
    let alias = alias(query.0.alias.as_deref())?;
    registry.delete_secret(&caller.0, &at.0, alias.as_ref()).await?;
    Ok(HttpResponse::NoContent().finish())
}
