//! Where an upload stands, and ending it.

use basalt_core::{BucketName, Caller, Code, Error, Result};

use super::create::close;
use super::state::Upload;
use super::{Progress, UploadId, not_found, owner_of};
use crate::common::Tx;
use crate::files::Files;

impl Files {
    /// The most bytes that an upload of this bucket may have.
    pub fn largest_upload(&self, bucket: &BucketName) -> Result<u64> {
        let files = self.collections.files()?;
        let unknown = || Error::new(Code::BucketNotFound, format!("There is no bucket {:?}.", bucket.as_str()));
        files.definition.buckets.get(bucket).map(|bucket| bucket.max_size()).ok_or_else(unknown)
    }

    /// Where an upload stands. A request of this node that still writes to it saves what it has first: who asks wants
    /// to go on. One that has all its bytes and isn't a file yet (a crash came between) becomes it now.
    pub async fn show_upload(&self, caller: &Caller, bucket: &BucketName, id: &UploadId) -> Result<Progress> {
        let upload = self.own_upload(caller, bucket, id).await?;
        let turn = self.uploads.enter(id).await?;
        // Whoever had the turn may have written since.
        let upload = if upload.is_whole() { upload } else { self.own_upload(caller, bucket, id).await? };
        if !upload.is_whole() {
            return Ok(upload.progress(id));
        }
        match self.claim(caller, bucket, turn, id, |_, _| Ok(())).await? {
            Ok(held) if held.upload.is_whole() => self.finish_upload(caller, held).await,
            Ok(held) => {
                self.give_back(&held).await?;
                Ok(held.upload.progress(id))
            }
            Err(done) => Ok(done),
        }
    }

    /// Ends an upload, whoever writes to it. The file that it may have become stays.
    pub async fn terminate_upload(&self, caller: &Caller, bucket: &BucketName, id: &UploadId) -> Result<()> {
        self.own_upload(caller, bucket, id).await?;
        let _turn = self.uploads.enter(id).await?;
        let (owner, asked, named) = (owner_of(caller), bucket.clone(), id.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let upload = Upload::of(tx, &named)?.ok_or_else(not_found)?;
            upload.check(&owner, &asked, tx.now())?;
            close(tx, &upload, &named)?;
            tx.delete_cell(&named.cell());
            Ok(upload)
        };
        let upload = self.db.commit(caller, decide).await?.value;
        if let Ok(parts) = upload.parts() {
            self.drop_parts(parts).await;
        }
        Ok(())
    }

    /// The caller's own upload; to be asked before its turn is taken from anybody.
    pub(super) async fn own_upload(&self, caller: &Caller, bucket: &BucketName, id: &UploadId) -> Result<Upload> {
        let (owner, asked, named) = (owner_of(caller), bucket.clone(), id.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let upload = Upload::of(tx, &named)?.ok_or_else(not_found)?;
            upload.check(&owner, &asked, tx.now())?;
            Ok(upload)
        };
        self.db.inspect(decide).await
    }
}
