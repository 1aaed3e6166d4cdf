use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::files::{Files, ScanVerdict, Target};
use basalt_core::{Code, DocumentId, Error, FilePath, Result};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shared::{FileSchema, stored};
use crate::extract::{BucketAt, Json, Service};
use crate::problem::Answer;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FileRelease)]
pub(crate) struct Body {
    path: Option<String>,
    /// In the place of the path.
    id: Option<String>,
    /// The content that was looked at: 412 where the file has another by now.
    sha256: Option<String>,
    verdict: Verdict,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ScanVerdict)]
pub(crate) enum Verdict {
    Clean,
    Infected,
}

/// Release a file
///
/// A scanner's word on a file of a bucket with `scan`, which nobody sees until then: a clean one is seen from now on, an
/// infected one is deleted. For service keys with the scope `files:write`.
#[utoipa::path(
    post,
    path = "/v1/buckets/{bucket}/release",
    tag = "files",
    request_body = Body,
    responses(
        (status = 200, description = "Released.", body = FileSchema),
        (status = 204, description = "Deleted."),
    ),
    extensions(("x-codes" = json!(["file_not_found", "precondition_failed", "referenced"]))),
)]
pub(crate) async fn handle(caller: Service, at: BucketAt, body: Json<Body>, files: Data<Files>) -> Answer {
    let Body { path, id, sha256, verdict } = body.0;
    let (path, id) = named(path.as_deref(), id.as_deref())?;
    let target = Target { bucket: at.0, path };
    let verdict = match verdict {
        Verdict::Clean => ScanVerdict::Clean,
        Verdict::Infected => ScanVerdict::Infected,
    };
    match files.release(&caller.0, (target, id, sha256), verdict).await? {
        Some(released) => Ok(stored(&released)?),
        None => Ok(HttpResponse::NoContent().finish()),
    }
}

fn named(path: Option<&str>, id: Option<&str>) -> Result<(FilePath, Option<DocumentId>)> {
    match (path, id) {
        (Some(path), None) => Ok((FilePath::parse(path)?, None)),
        // By its id it is found wherever it is.
        (None, Some(id)) => Ok((FilePath::parse("-")?, Some(DocumentId::parse(id)?))),
        _ => Err(Error::new(Code::BadRequest, "The file is named by its path or its id.")),
    }
}
