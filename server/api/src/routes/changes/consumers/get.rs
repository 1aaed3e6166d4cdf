use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::changes::Changes;

use crate::extract::{NameAt, Service};
use crate::problem::Answer;
use crate::routes::changes::shared::ConsumerItem;

/// Read a consumer
///
/// Where it stands and how far it is behind. For service keys with the scope `changes:read`.
#[utoipa::path(
    get,
    path = "/v1/changes/consumers/{name}",
    tag = "changes",
    responses((status = 200, description = "The consumer.", body = ConsumerItem)),
    extensions(("x-codes" = json!(["consumer_not_found"]))),
)]
pub(crate) async fn handle(caller: Service, at: NameAt, changes: Data<Changes>) -> Answer {
    let consumer = changes.consumer(&caller.0, &at.0).await?;
    Ok(HttpResponse::Ok().json(ConsumerItem::new(consumer, &changes)))
}
