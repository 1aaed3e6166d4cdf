//! Uploads that nobody goes on with.

use basalt_blob::Parts;
use basalt_core::{Error, Result, Timestamp};
use basalt_data::jobs::{Handler, JobFuture, Outcome};
use basalt_store::jobs::Job;
use serde::Deserialize;

use super::UploadId;
use super::create::{close, over_job};
use super::state::{Stage, Upload};
use crate::common::{Flow, Tx};
use crate::files::Files;

/// The job that looks whether an upload's time is over.
pub const UPLOAD_OVER: &str = "files.upload_over";

/// Does it.
pub struct UploadOverHandler(pub Files);

#[derive(Deserialize)]
struct Payload {
    id: String,
}

impl Handler for UploadOverHandler {
    fn run<'a>(&'a self, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            match self.0.upload_over(job).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Retry { at: None, error: error.to_string() },
            }
        })
    }
}

impl Files {
    async fn upload_over(&self, job: &Job) -> Result<()> {
        let payload: Payload = serde_json::from_value(job.payload.clone()).map_err(Error::internal)?;
        let id = UploadId::parse(&payload.id)?;
        let decide = move |tx: &mut Tx<'_>| over(tx, &id);
        match self.db.commit(&self.system(), decide).await?.value {
            Some(parts) => self.blobs.abandon(&parts).await,
            None => Ok(()),
        }
    }
}

/// What is to be abandoned, if it is time; if not, the same is asked again when it may be.
fn over(tx: &mut Tx<'_>, id: &UploadId) -> Flow<Option<Parts>> {
    let Some(mut upload) = Upload::of(tx, id)? else { return Ok(None) };
    let (parts, was_open) = match &upload.stage {
        Stage::Open { parts, .. } => (parts.clone(), true),
        // An earlier try of this job may not have come to its end.
        Stage::Over { parts } => (parts.clone(), false),
        Stage::Done { .. } => return Ok(None),
    };
    let end = Timestamp::from_millis(upload.expires_at);
    if was_open && end > tx.now() {
        tx.enqueue(over_job(id, end));
        return Ok(None);
    }
    if was_open {
        close(tx, &upload, id)?;
        upload.stage = Stage::Over { parts: parts.clone() };
        upload.put(tx, id)?;
    }
    Ok(Some(parts))
}
