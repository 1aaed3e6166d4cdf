use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::{Registry, Share};

use super::super::shared::Alias;
use crate::extract::{AliasAt, Json, Owner};
use crate::problem::Answer;

/// Let an alias lead to versions
///
/// To several by weights that make 100: a new version gets a tenth of the calls first. It is made where there is none.
#[utoipa::path(
    put,
    path = "/v1/admin/functions/{function}/aliases/{alias}",
    tag = "admin",
    request_body = Alias,
    responses((status = 200, description = "What it leads to now.", body = Alias)),
    extensions(("x-codes" = json!(["bad_request", "version_not_found", "unavailable"]))),
)]
pub(crate) async fn handle(caller: Owner, at: AliasAt, body: Json<Alias>, registry: Data<Registry>) -> Answer {
    let shares: Vec<Share> = body.0.versions.into_iter().map(Share::from).collect();
    let shares = registry.put_alias(&caller.0, (&at.function, &at.alias), shares).await?;
    Ok(HttpResponse::Ok().json(Alias::from(shares)))
}
