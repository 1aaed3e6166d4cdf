use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;

use super::super::shared::Alias;
use crate::extract::{AdminRead, AliasAt};
use crate::problem::Answer;

/// Read an alias
#[utoipa::path(
    get,
    path = "/v1/admin/functions/{function}/aliases/{alias}",
    tag = "admin",
    responses((status = 200, description = "What it leads to.", body = Alias)),
)]
pub(crate) async fn handle(caller: AdminRead, at: AliasAt, registry: Data<Registry>) -> Answer {
    Ok(HttpResponse::Ok().json(Alias::from(registry.alias(&caller.0, &at.function, &at.alias)?)))
}
