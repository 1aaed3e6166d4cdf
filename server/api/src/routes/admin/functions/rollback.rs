use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::{AliasName, Registry, Rollback};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shared::Alias;
use crate::extract::{FunctionAt, OptionalJson, Owner};
use crate::problem::Answer;

/// Where to go back to.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FunctionRollback)]
pub(crate) struct Body {
    /// `live` where nothing is said.
    alias: Option<String>,
    /// A version; where nothing is said, what the alias led to before its last change.
    version: Option<u32>,
}

/// Roll a function back
///
/// Holds here at once, and on every node as soon as the change log tells of it.
#[utoipa::path(
    post,
    path = "/v1/admin/functions/{function}/rollback",
    tag = "admin",
    request_body = Body,
    responses((status = 200, description = "What the alias leads to now.", body = Alias)),
    extensions(("x-codes" = json!(["alias_not_found", "version_not_found", "unavailable"]))),
)]
pub(crate) async fn handle(
    caller: Owner,
    at: FunctionAt,
    body: OptionalJson<Body>,
    registry: Data<Registry>,
) -> Answer {
    let Body { alias, version } = body.0;
    let alias = alias.map_or_else(|| Ok(AliasName::live()), |alias| AliasName::of_path(&alias))?;
    let to = version.map_or(Rollback::Before, Rollback::To);
    let shares = registry.roll_back(&caller.0, (&at.0, &alias), to).await?;
    Ok(HttpResponse::Ok().json(Alias::from(shares)))
}
