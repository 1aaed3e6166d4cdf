use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::keys::Keys;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::AdminRead;
use crate::problem::Answer;
use crate::routes::admin::shared::Key;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyList {
    items: Vec<Key>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List service keys
#[utoipa::path(
    get,
    path = "/v1/admin/keys",
    tag = "admin",
    responses((status = 200, description = "The keys, without the secrets.", body = KeyList)),
)]
pub(crate) async fn handle(caller: AdminRead, keys: Data<Keys>) -> Answer {
    let items = keys.list(&caller.0).await?.into_iter().map(Key::from).collect();
    Ok(HttpResponse::Ok().json(KeyList { items, next_cursor: None }))
}
