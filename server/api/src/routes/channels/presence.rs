use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::realtime::Realtime;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::extract::{Caller, ChannelAt};
use crate::problem::Answer;

/// Who is there.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelPresence)]
pub(crate) struct Presence {
    channel: String,
    /// Each `{"key","userId","data","since"}`, the longest there first; at most 512 KiB of them.
    #[schema(value_type = Vec<Object>)]
    state: Vec<Value>,
    /// How many there are.
    count: usize,
}

/// See who is in a channel
///
/// Those who show themselves. For who may be in the channel himself: the rule `join` decides.
#[utoipa::path(
    get,
    path = "/v1/channels/{channel}/presence",
    tag = "realtime",
    responses((status = 200, description = "Who is there now.", body = Presence)),
    extensions(("x-codes" = json!(["rule_denied", "rule_missing", "unauthenticated", "scope_missing"]))),
)]
pub(crate) async fn handle(caller: Caller, at: ChannelAt, realtime: Data<Realtime>) -> Answer {
    let (state, count) = realtime.presence(&caller.0, &at.0).await?;
    Ok(HttpResponse::Ok().json(Presence { channel: at.0.into(), state, count }))
}
