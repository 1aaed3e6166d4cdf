use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::realtime::{Realtime, Said};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::extract::{Caller, ChannelAt, Json};
use crate::problem::Answer;

/// What to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChannelMessage)]
pub(crate) struct Body {
    #[schema(min_length = 1, max_length = 64)]
    event: String,
    /// Any JSON; 32 KiB with the event.
    #[serde(default)]
    data: Value,
}

/// Say something in a channel
///
/// To everybody who is in it now, on every node; nothing is kept. The rule `publish` decides.
#[utoipa::path(
    post,
    path = "/v1/channels/{channel}/messages",
    tag = "realtime",
    request_body = Body,
    responses((status = 202, description = "Said.")),
    extensions(("x-codes" = json!([
        "bad_request", "too_large", "rule_denied", "rule_missing", "unauthenticated", "scope_missing", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, at: ChannelAt, body: Json<Body>, realtime: Data<Realtime>) -> Answer {
    let Body { event, data } = body.0;
    realtime.publish(&caller.0, &at.0, Said::new(event, data)?).await?;
    Ok(HttpResponse::Accepted().finish())
}
