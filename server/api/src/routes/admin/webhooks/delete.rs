use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::webhooks::Webhooks;

use crate::extract::{NameAt, Owner};
use crate::problem::Answer;

/// Delete a webhook
///
/// Nothing is delivered to it any more, what waits for another try included.
#[utoipa::path(
    delete,
    path = "/v1/admin/webhooks/{name}",
    tag = "admin",
    responses((status = 204, description = "Deleted.")),
    extensions(("x-codes" = json!(["webhook_not_found"]))),
)]
pub(crate) async fn handle(caller: Owner, at: NameAt, webhooks: Data<Webhooks>) -> Answer {
    webhooks.delete(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
