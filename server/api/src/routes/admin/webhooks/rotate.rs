use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::Secret;
use basalt_app::webhooks::Webhooks;
use basalt_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::duration;
use crate::extract::{NameAt, OptionalJson, Owner};
use crate::problem::Answer;

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateWebhook)]
pub(crate) struct Body {
    /// `whsec_…`; without it one is made.
    #[schema(format = Password)]
    secret: Option<String>,
    /// How long the secret before signs, too: `24h` where nothing is said, `0s` where it leaked, 30 days at most.
    overlap: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RotatedWebhook)]
pub(crate) struct RotatedSecret {
    /// In this answer alone.
    secret: String,
    #[schema(value_type = String, format = DateTime)]
    overlap_until: Timestamp,
}

/// Give a webhook a new secret
///
/// Deliveries carry a signature by each of both secrets until the overlap ends, so that the receiver may change in
/// between.
#[utoipa::path(
    post,
    path = "/v1/admin/webhooks/{name}/rotate",
    tag = "admin",
    responses((status = 200, description = "Keep it, it is not shown again.", body = RotatedSecret)),
    extensions(("x-codes" = json!(["bad_request", "webhook_not_found"]))),
)]
pub(crate) async fn handle(caller: Owner, at: NameAt, body: OptionalJson<Body>, webhooks: Data<Webhooks>) -> Answer {
    let Body { secret, overlap } = body.0;
    let overlap = overlap.map(|text| duration(&text, "/overlap")).transpose()?;
    let rotated = webhooks.rotate(&caller.0, &at.0, secret.map(Secret::from), overlap).await?;
    let body = RotatedSecret { secret: rotated.secret.expose().to_owned(), overlap_until: rotated.overlap_until };
    Ok(HttpResponse::Ok().json(body))
}
