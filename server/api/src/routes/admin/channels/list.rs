use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::realtime::Realtime;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::Declared;
use crate::extract::AdminRead;
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChannelPatternList)]
pub(crate) struct Patterns {
    items: Vec<Declared>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List the patterns of channels
#[utoipa::path(
    get,
    path = "/v1/admin/channels",
    tag = "admin",
    responses((status = 200, description = "The patterns with their rules, by name.", body = Patterns)),
)]
pub(crate) async fn handle(caller: AdminRead, realtime: Data<Realtime>) -> Answer {
    let items = realtime.channels(&caller.0).await?.into_iter().map(Declared::from).collect();
    Ok(HttpResponse::Ok().json(Patterns { items, next_cursor: None }))
}
