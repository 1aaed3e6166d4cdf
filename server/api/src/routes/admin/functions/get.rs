use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;

use super::shared::Shown;
use crate::extract::{AdminRead, FunctionAt};
use crate::problem::Answer;

/// Read a function
#[utoipa::path(
    get,
    path = "/v1/admin/functions/{function}",
    tag = "admin",
    responses((status = 200, description = "The function.", body = Shown)),
)]
pub(crate) async fn handle(caller: AdminRead, at: FunctionAt, registry: Data<Registry>) -> Answer {
    let function = registry.get(&caller.0, &at.0)?;
    Ok(HttpResponse::Ok().json(Shown::of(&function)))
}
