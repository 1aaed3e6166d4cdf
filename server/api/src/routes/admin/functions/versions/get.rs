use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;

use super::super::shared::ShownVersion;
use crate::extract::{AdminRead, FunctionVersionAt};
use crate::problem::Answer;

/// Read a version
///
/// With its sources as they were deployed.
#[utoipa::path(
    get,
    path = "/v1/admin/functions/{function}/versions/{version}",
    tag = "admin",
    responses((status = 200, description = "The version.", body = ShownVersion)),
)]
pub(crate) async fn handle(caller: AdminRead, at: FunctionVersionAt, registry: Data<Registry>) -> Answer {
    let (version, sources) = registry.version(&caller.0, &at.function, at.version).await?;
    Ok(HttpResponse::Ok().json(ShownVersion::of(version, Some(sources))))
}
