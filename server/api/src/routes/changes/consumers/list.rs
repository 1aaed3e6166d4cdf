use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::changes::Changes;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::Service;
use crate::problem::Answer;
use crate::routes::changes::shared::ConsumerItem;

/// All consumers, by name.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsumerList)]
struct Consumers {
    items: Vec<ConsumerItem>,
}

/// List consumers
///
/// Where each stands and how far it is behind. For service keys with the scope `changes:read`.
#[utoipa::path(
    get,
    path = "/v1/changes/consumers",
    tag = "changes",
    responses((status = 200, description = "All of them.", body = Consumers)),
)]
pub(crate) async fn handle(caller: Service, changes: Data<Changes>) -> Answer {
    let consumers = changes.consumers(&caller.0).await?;
    let items = consumers.into_iter().map(|consumer| ConsumerItem::new(consumer, &changes)).collect();
    Ok(HttpResponse::Ok().json(Consumers { items }))
}
