use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::files::Files;

use super::super::shared::note_seq;
use crate::extract::{Caller, FileAt};
use crate::problem::Answer;

/// Delete a file
///
/// Its bytes follow an hour after the last file that has them.
#[utoipa::path(
    delete,
    path = "/v1/buckets/{bucket}/files/{path}",
    tag = "files",
    responses((status = 204, description = "Deleted. `Basalt-Seq` says where in the log.")),
    extensions(("x-codes" = json!([
        "unauthenticated", "rule_denied", "rule_missing", "scope_missing", "referenced", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, at: FileAt, files: Data<Files>) -> Answer {
    let removed = files.delete(&caller.0, at.0).await?;
    let mut answer = HttpResponse::NoContent();
    note_seq(&mut answer, removed.seq);
    Ok(answer.finish())
}
