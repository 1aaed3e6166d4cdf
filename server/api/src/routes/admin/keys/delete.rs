use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::keys::Keys;

use crate::extract::{IdAt, Owner};
use crate::problem::Answer;

/// Revoke a service key
///
/// Holds at once, on every node within a second.
#[utoipa::path(
    delete,
    path = "/v1/admin/keys/{id}",
    tag = "admin",
    responses((status = 204, description = "Revoked.")),
    extensions(("x-codes" = json!(["key_not_found"]))),
)]
pub(crate) async fn handle(caller: Owner, at: IdAt, keys: Data<Keys>) -> Answer {
    keys.delete(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
