use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::Registry;

use crate::extract::{AliasAt, Owner};
use crate::problem::Answer;

/// Delete an alias
///
/// Nobody calls the function by it any more. A function without any alias is gone, with its versions.
#[utoipa::path(
    delete,
    path = "/v1/admin/functions/{function}/aliases/{alias}",
    tag = "admin",
    responses((status = 204, description = "Deleted.")),
    extensions(("x-codes" = json!(["unavailable"]))),
)]
pub(crate) async fn handle(caller: Owner, at: AliasAt, registry: Data<Registry>) -> Answer {
    registry.delete_alias(&caller.0, &at.function, &at.alias).await?;
    Ok(HttpResponse::NoContent().finish())
}
