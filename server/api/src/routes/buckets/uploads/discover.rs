use actix_web::web::Data;
use basalt_app::files::Files;

use super::shared::discovery;
use crate::extract::BucketAt;
use crate::problem::Answer;

/// What uploads speak
///
/// tus 1.0.0: its extensions, checksums, and the largest file of the bucket.
#[utoipa::path(
    options,
    path = "/v1/buckets/{bucket}/uploads",
    tag = "files",
    responses((status = 204, description = "`Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, `Tus-Checksum-Algorithm`.")),
)]
pub(crate) async fn handle(at: BucketAt, files: Data<Files>) -> Answer {
    Ok(discovery(files.largest_upload(&at.0)?))
}
