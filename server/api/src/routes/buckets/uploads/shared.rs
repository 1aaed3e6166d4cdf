//! What the answers of tus share.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HttpDate};
use actix_web::{HttpResponse, HttpResponseBuilder};
use basalt_app::files::{ALGORITHMS, Progress};

use super::super::shared::note_seq;
use crate::extract::TUS;

const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination";

/// Where an upload stands, and the file that it has become.
pub(super) fn progress(status: StatusCode, progress: &Progress) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header(("Tus-Resumable", TUS));
    answer.insert_header((CACHE_CONTROL, "no-store"));
    answer.insert_header(("Upload-Offset", progress.offset.to_string()));
    if let Some(file) = &progress.file {
        answer.insert_header(("Basalt-File-Id", file.id.as_str()));
        answer.insert_header((ETAG, format!("\"{}\"", file.sha256)));
        note_seq(&mut answer, file.seq);
    } else {
        let seconds = u64::try_from(progress.expires_at.seconds()).unwrap_or(0);
        let date = HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds));
        answer.insert_header(("Upload-Expires", date.to_string()));
    }
    answer
}

/// What the server speaks.
pub(super) fn discovery(max_size: u64) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    answer.insert_header(("Tus-Resumable", TUS));
    answer.insert_header(("Tus-Version", TUS));
    answer.insert_header(("Tus-Extension", EXTENSIONS));
    answer.insert_header(("Tus-Max-Size", max_size.to_string()));
    answer.insert_header(("Tus-Checksum-Algorithm", ALGORITHMS));
    answer.finish()
}
