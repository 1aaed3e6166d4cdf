use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::changes::{Changes, Moving, Since};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Json, NameAt, Service};
use crate::problem::Answer;
use crate::routes::changes::shared::ConsumerItem;

/// A place for a consumer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsumerPlace)]
pub(crate) struct Body {
    /// A `nextSince`, a `seq`, `0` for the beginning or `now` for the log's end.
    since: String,
    /// Moves it back, too.
    #[serde(default)]
    force: bool,
}

/// Move a consumer
///
/// To where it has read; makes it where there is none. It moves forward only, unless `force` is said. The log keeps what
/// it has not read, within its limits. For service keys with the scope `changes:write`.
#[utoipa::path(
    put,
    path = "/v1/changes/consumers/{name}",
    tag = "changes",
    request_body = Body,
    responses((status = 200, description = "Moved.", body = ConsumerItem)),
    extensions(("x-codes" = json!(["bad_cursor", "cursor_expired", "condition_failed", "quota_exceeded"]))),
)]
pub(crate) async fn handle(caller: Service, at: NameAt, body: Json<Body>, changes: Data<Changes>) -> Answer {
    let moving = if body.0.force { Moving::Anywhere } else { Moving::Forward };
    let consumer = changes.move_consumer(&caller.0, &at.0, &Since::parse(&body.0.since), moving).await?;
    Ok(HttpResponse::Ok().json(ConsumerItem::new(consumer, &changes)))
}
