use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::collections::Collections;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::Collection;
use crate::extract::AdminRead;
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CollectionList {
    items: Vec<Collection>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List collections
#[utoipa::path(
    get,
    path = "/v1/admin/collections",
    tag = "admin",
    responses((status = 200, description = "All but the system's own.", body = CollectionList)),
)]
pub(crate) async fn handle(caller: AdminRead, collections: Data<Collections>) -> Answer {
    let items = collections.describe_all(&caller.0)?.into_iter().map(Collection::from).collect();
    Ok(HttpResponse::Ok().json(CollectionList { items, next_cursor: None }))
}
