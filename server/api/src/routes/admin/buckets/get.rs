use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::files::Files;
use basalt_data::collections::Collections;

use super::shared::Bucket;
use crate::extract::{AdminRead, BucketAt};
use crate::problem::Answer;

/// Read a bucket's definition
#[utoipa::path(
    get,
    path = "/v1/admin/buckets/{bucket}",
    tag = "admin",
    responses((status = 200, description = "The definition, and how much is in it.", body = Bucket)),
)]
pub(crate) async fn handle(
    caller: AdminRead,
    at: BucketAt,
    collections: Data<Collections>,
    files: Data<Files>,
) -> Answer {
    let definition = collections.bucket(&caller.0, &at.0)?;
    Ok(HttpResponse::Ok().json(Bucket::of(&files, at.0, definition).await?))
}
