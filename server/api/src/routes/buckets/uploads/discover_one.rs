use actix_web::web::Data;
use basalt_app::files::Files;

use super::shared::discovery;
use crate::extract::UploadAt;
use crate::problem::Answer;

/// What an upload speaks
///
/// The same as for its bucket.
#[utoipa::path(
    options,
    path = "/v1/buckets/{bucket}/uploads/{id}",
    tag = "files",
    responses((status = 204, description = "`Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, `Tus-Checksum-Algorithm`.")),
)]
pub(crate) async fn handle(at: UploadAt, files: Data<Files>) -> Answer {
    Ok(discovery(files.largest_upload(&at.bucket)?))
}
