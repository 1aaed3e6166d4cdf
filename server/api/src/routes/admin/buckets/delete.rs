use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::audit::{Audit, Entry};
use basalt_app::files::Files;
use basalt_data::collections::Collections;

use super::shared::told;
use crate::extract::{BucketAt, Owner};
use crate::problem::Answer;

/// Drop a bucket
///
/// An empty one: its files are deleted first.
#[utoipa::path(
    delete,
    path = "/v1/admin/buckets/{bucket}",
    tag = "admin",
    responses((status = 204, description = "Dropped.")),
    extensions(("x-codes" = json!(["bucket_not_empty"]))),
)]
pub(crate) async fn handle(
    caller: Owner,
    at: BucketAt,
    collections: Data<Collections>,
    files: Data<Files>,
    audit: Data<Audit>,
) -> Answer {
    let before = told(&collections, &caller.0, &at.0);
    files.drop_bucket(&caller.0, &at.0).await?;
    let target = ("bucket", at.0.to_string());
    audit.record(&caller.0, Entry { action: "buckets.drop", target, before, after: None }).await?;
    Ok(HttpResponse::NoContent().finish())
}
