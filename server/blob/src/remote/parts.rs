//! Uploads that go on later: full parts in a multipart upload, and the rest in an object of its own, written before
//! anybody is told of the new offset.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use basalt_core::{Error, Result};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};

use super::stream::{PartStream, named, upload_of};
use super::{Remote, absent_is_fine};
use crate::parts::{Parts, Tail, Upload};
use crate::{Key, fault};

pub(crate) struct Appending {
    stream: PartStream,
    before: Parts,
    added: u64,
}

impl Remote {
    pub(crate) async fn append(this: &Arc<Self>, parts: &Parts) -> Result<Appending> {
        let tail = this.tail(parts).await?.to_vec();
        let stream = PartStream::new(Arc::clone(this), parts.key.clone(), parts.upload.clone(), tail);
        Ok(Appending { stream, before: parts.clone(), added: 0 })
    }

    pub(crate) async fn complete(&self, parts: &Parts) -> Result<()> {
        if self.size(&parts.key).await? != Some(parts.offset) {
            let tail = self.tail(parts).await?;
            if let Some(upload) = &parts.upload {
                self.complete_upload(parts, upload.clone(), tail).await?;
            } else {
                let put = self.store.put(&self.blob(&parts.key), PutPayload::from(tail)).await;
                put.map_err(fault::of_store)?;
            }
        }
        let own = parts.upload.as_ref().map(|upload| upload.id.as_str());
        // The file is whole; what is left beside it the sweep finds as well.
        if let Err(error) = self.clear(&parts.key, None, own).await {
            tracing::debug!(%error, key = %parts.key, "what an upload left is left to the sweep");
        }
        Ok(())
    }

    pub(crate) async fn abandon(&self, parts: &Parts) -> Result<()> {
        self.clear(&parts.key, parts.upload.as_ref().map(|upload| upload.id.as_str()), None).await
    }

    async fn complete_upload(&self, parts: &Parts, mut upload: Upload, tail: Bytes) -> Result<()> {
        if !tail.is_empty() {
            let (blob, index) = (self.blob(&parts.key), upload.parts.len());
            let put = self.multipart.put_part(&blob, &upload.id, index, PutPayload::from(tail)).await;
            upload.parts.push(put.map_err(fault::of_store)?.content_id);
        }
        self.join(&parts.key, &upload, parts.offset).await
    }

    /// The bytes after the last full part.
    async fn tail(&self, parts: &Parts) -> Result<Bytes> {
        let Some(tail) = &parts.tail else { return Ok(Bytes::new()) };
        let path = self.folder(&parts.key).join(tail.name.as_str());
        let got = self.store.get(&path).await.map_err(|error| super::of_blob(&parts.key, error))?;
        let bytes = got.bytes().await.map_err(fault::of_store)?;
        if bytes.len() as u64 == tail.length {
            return Ok(bytes);
        }
        Err(Error::internal(format!("the tail of {} has {} of {} bytes", parts.key, bytes.len(), tail.length)))
    }

    /// Removes everything that belongs to a file under way: multipart uploads (a crash may have left several), but for
    /// the one that became the file, and then the objects that told of them.
    pub(super) async fn clear(&self, key: &Key, known: Option<&str>, done: Option<&str>) -> Result<()> {
        let folder = self.folder(key);
        let found: Vec<Path> =
            self.store.list(Some(&folder)).map_ok(|meta| meta.location).try_collect().await.map_err(fault::of_store)?;
        let told = found.iter().filter_map(upload_of);
        let uploads: BTreeSet<String> = told.chain(known.map(str::to_owned)).collect();
        for upload in uploads.iter().filter(|id| Some(id.as_str()) != done) {
            let gone = self.multipart.abort_multipart(&self.blob(key), upload).await;
            absent_is_fine(gone).map_err(fault::of_store)?;
        }
        for path in &found {
            self.remove(path).await?;
        }
        Ok(())
    }
}

impl Appending {
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.added += piece.len() as u64;
        self.stream.write(piece).await
    }

    pub(crate) async fn save(mut self) -> Result<Parts> {
        if self.added == 0 {
            return Ok(self.before.clone());
        }
        self.stream.land().await?;
        let (remote, upload) = (Arc::clone(&self.stream.remote), self.stream.upload().cloned());
        let offset = self.before.offset + self.added;
        let tail = std::mem::take(&mut self.stream.gathered);
        let saved = Tail { name: tail_name(offset, &tail, upload.as_ref()), length: tail.len() as u64 };
        let folder = remote.folder(&self.before.key);
        let path = folder.clone().join(saved.name.as_str());
        // Also an empty one: it tells the sweep that the upload is alive.
        remote.store.put(&path, PutPayload::from(tail)).await.map_err(fault::of_store)?;
        self.stream.hand_over();
        // The one before the last: the last is what the caller's state names until he keeps the new one.
        if let Some(stale) = &self.before.stale
            && let Err(error) = remote.remove(&folder.join(stale.as_str())).await
        {
            tracing::debug!(%error, "a tail is left to the end of the upload");
        }
        let stale = self.before.tail.take().map(|tail| tail.name);
        Ok(Parts { key: self.before.key.clone(), offset, upload, tail: Some(saved), stale })
    }
}

/// Named after what it holds: one who lost his right to write on can't replace another's tail by a different one.
fn tail_name(offset: u64, tail: &[u8], upload: Option<&Upload>) -> String {
    let digest = Sha256::digest(tail);
    let mut name = format!("{offset:012x}-");
    for byte in &digest[..12] {
        let _ = write!(name, "{byte:02x}");
    }
    named(&name, upload.map(|upload| upload.id.as_str()))
}
