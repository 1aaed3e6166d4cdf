use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::files::Files;
use basalt_data::collections::Collections;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::Bucket;
use crate::extract::AdminRead;
use crate::problem::Answer;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketList {
    items: Vec<Bucket>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List buckets
#[utoipa::path(
    get,
    path = "/v1/admin/buckets",
    tag = "admin",
    responses((status = 200, description = "All of them.", body = BucketList)),
)]
pub(crate) async fn handle(caller: AdminRead, collections: Data<Collections>, files: Data<Files>) -> Answer {
    let mut items = Vec::new();
    for (name, definition) in collections.buckets(&caller.0)? {
        items.push(Bucket::of(&files, name, definition).await?);
    }
    Ok(HttpResponse::Ok().json(BucketList { items, next_cursor: None }))
}
