use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::webhooks::{DeliveryQuery, Outcome, Webhooks};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::shared::Delivery;
use crate::extract::{AdminRead, NameAt, Query};
use crate::problem::Answer;

const PAGE: u32 = 30;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only those that came to this.
    #[param(inline)]
    outcome: Option<Word>,
    /// 1 to 100, 30 where it isn't given.
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Word {
    Delivered,
    Failed,
    Refused,
    Gone,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDeliveryList)]
pub(crate) struct Deliveries {
    items: Vec<Delivery>,
    next_cursor: Option<String>,
}

impl From<Word> for Outcome {
    fn from(word: Word) -> Self {
        match word {
            Word::Delivered => Self::Delivered,
            Word::Failed => Self::Failed,
            Word::Refused => Self::Refused,
            Word::Gone => Self::Gone,
        }
    }
}

/// What was delivered
///
/// Every try with what was sent and what was answered, newest first. Kept as long as other records are.
#[utoipa::path(
    get,
    path = "/v1/admin/webhooks/{name}/deliveries",
    tag = "admin",
    params(Parameters),
    responses((status = 200, description = "A page.", body = Deliveries)),
    extensions(("x-codes" = json!(["bad_parameter", "bad_cursor", "webhook_not_found"]))),
)]
pub(crate) async fn handle(
    caller: AdminRead,
    at: NameAt,
    query: Query<Parameters>,
    webhooks: Data<Webhooks>,
) -> Answer {
    let Parameters { outcome, limit, cursor } = query.0;
    let query = DeliveryQuery { outcome: outcome.map(Outcome::from), limit: limit.unwrap_or(PAGE), cursor };
    let page = webhooks.deliveries(&caller.0, &at.0, query).await?;
    let items = page.items.into_iter().map(Delivery::from).collect();
    Ok(HttpResponse::Ok().json(Deliveries { items, next_cursor: page.next_cursor }))
}
