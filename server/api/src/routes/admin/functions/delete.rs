use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;

use crate::extract::{FunctionAt, Owner};
use crate::problem::Answer;

/// Delete a function
///
/// With all its versions and aliases. Calls under way end as they would; events that wait for it are dropped.
#[utoipa::path(
    delete,
    path = "/v1/admin/functions/{function}",
    tag = "admin",
    responses((status = 204, description = "Deleted.")),
    extensions(("x-codes" = json!(["unavailable"]))),
)]
pub(crate) async fn handle(caller: Owner, at: FunctionAt, registry: Data<Registry>) -> Answer {
    registry.delete_function(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
