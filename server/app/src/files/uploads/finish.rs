//! The end of an upload: a file, or nothing.

use basalt_core::{Caller, Document, Error, Result};
use basalt_store::Read;

use super::append::{Held, may_pass};
use super::create::{close, open_cell};
use super::lease;
use super::state::{Stage, Upload};
use super::{Finished, Progress, UploadId, locked, not_found};
use crate::common::{Flow, Tx, cell};
use crate::files::commit::{Arrived, Putting, Right, Wish, bucket_of};
use crate::files::register::blob_key;
use crate::files::{File, Files};

/// What goes into the batch that makes the file: the upload ends in it, and only for who holds it.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    id: UploadId,
    token: String,
    size: u64,
    /// What it looks at, so that it can be read in one round.
    reads: Vec<Read>,
}

impl Ending {
    pub(crate) fn reads(&self) -> impl Iterator<Item = Read> + '_ {
        self.reads.iter().cloned()
    }

    pub(crate) fn conclude(&self, tx: &mut Tx<'_>, document: &Document) -> Flow<()> {
        let mut upload = Upload::of(tx, &self.id)?.ok_or_else(not_found)?;
        let Stage::Open { lease, .. } = &upload.stage else { return Err(locked().into()) };
        if !lease::holds(lease.as_ref(), &self.token) {
            return Err(locked().into());
        }
        let sha256 = File::of(document)?.sha256;
        close(tx, &upload, &self.id)?;
        upload.stage = Stage::Done { size: self.size, file: document.id.clone(), sha256 };
        let now = tx.now();
        upload.moved(now);
        upload.put(tx, &self.id)
    }
}

impl Upload {
    pub(super) fn putting(&self, caller: &Caller, upload: Option<Ending>) -> Putting {
        let only_new = self.only_new.then_some(basalt_data::documents::EntityTags::Any);
        let wish = Wish { data: self.data.clone(), if_match: None, if_none_match: only_new };
        Putting {
            target: self.target(),
            wish,
            right: Right::Rules,
            caller: caller.clone(),
            id: self.file.clone(),
            upload,
        }
    }

    pub(super) fn parts(&self) -> Result<&basalt_blob::Parts> {
        match &self.stage {
            Stage::Open { parts, .. } | Stage::Over { parts } => Ok(parts),
            Stage::Done { .. } => Err(Error::internal("an upload that is a file has no parts")),
        }
    }
}

impl Files {
    /// Makes the file of an upload whose bytes are all there. Where another try may end better they stay.
    pub(super) async fn finish_upload(&self, caller: &Caller, held: Held) -> Result<Progress> {
        match self.make_file(caller, &held).await {
            Ok(progress) => Ok(progress),
            Err(error) => {
                let done = if may_pass(&error) { self.give_back(&held).await } else { self.end_upload(&held).await };
                if let Err(error) = done {
                    tracing::debug!(?error, "an upload is left to its lease");
                }
                Err(error)
            }
        }
    }

    async fn make_file(&self, caller: &Caller, held: &Held) -> Result<Progress> {
        let upload = &held.upload;
        let Stage::Open { parts, sum, .. } = &upload.stage else { return Err(locked()) };
        let bucket = bucket_of(&*self.collections.files()?, &upload.target())?.clone();
        let (sha256, content_type) = sum.read()?.finish(&bucket, upload.declared.as_deref())?;
        let size = parts.offset();
        self.blobs.complete(parts).await?;
        let arrived = Arrived { key: parts.key().clone(), size, sha256: sha256.clone(), content_type, image: None };
        let arrived = self.with_image(arrived).await;
        let reads =
            vec![cell(&held.id.cell()), cell(&open_cell(&upload.counted)), cell(&blob_key(parts.key().as_str()))];
        let ending = Ending { id: held.id.clone(), token: held.token.clone(), size, reads };
        let (stored, kept) = self.decide(upload.putting(caller, Some(ending)), arrived).await?;
        if kept != parts.key().as_str() {
            self.drop_bytes(parts.key()).await;
        }
        let file = Finished { id: stored.document.id.clone(), sha256, seq: stored.seq };
        Ok(Progress { file: Some(file), ..upload.progress(&held.id) })
    }

    /// Gives the lease back.
    pub(super) async fn give_back(&self, held: &Held) -> Result<()> {
        let (id, token) = (held.id.clone(), held.token.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let Some(mut upload) = Upload::of(tx, &id)? else { return Ok(()) };
            if let Some(lease) = upload.lease()
                && lease::holds(lease.as_ref(), &token)
            {
                *lease = None;
                upload.put(tx, &id)?;
            }
            Ok(())
        };
        self.db.commit(&self.system(), decide).await.map(drop)
    }

    /// Removes an upload that its holder can't end well, and its bytes.
    pub(super) async fn end_upload(&self, held: &Held) -> Result<()> {
        let (id, token) = (held.id.clone(), held.token.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let Some(upload) = Upload::of(tx, &id)? else { return Ok(None) };
            let Stage::Open { lease, parts, .. } = &upload.stage else { return Ok(None) };
            if !lease::holds(lease.as_ref(), &token) {
                return Ok(None);
            }
            close(tx, &upload, &id)?;
            tx.delete_cell(&id.cell());
            Ok(Some(parts.clone()))
        };
        if let Some(parts) = self.db.commit(&self.system(), decide).await?.value {
            self.drop_parts(&parts).await;
        }
        Ok(())
    }

    /// Bytes of an upload that will be nothing. Where that fails the sweep finds them.
    pub(super) async fn drop_parts(&self, parts: &basalt_blob::Parts) {
        if let Err(error) = self.blobs.abandon(parts).await {
            tracing::warn!(?error, "an upload's parts are left to the sweep");
        }
        // It may have been completed before its file was refused.
        self.drop_bytes(parts.key()).await;
    }
}
