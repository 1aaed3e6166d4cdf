use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::changes::Changes;

use crate::extract::{NameAt, Service};
use crate::problem::Answer;

/// Remove a consumer
///
/// The log no longer waits for it. For service keys with the scope `changes:write`.
#[utoipa::path(
    delete,
    path = "/v1/changes/consumers/{name}",
    tag = "changes",
    responses((status = 204, description = "Removed.")),
    extensions(("x-codes" = json!(["consumer_not_found"]))),
)]
pub(crate) async fn handle(caller: Service, at: NameAt, changes: Data<Changes>) -> Answer {
    changes.remove_consumer(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
