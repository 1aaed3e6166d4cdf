//! A stream cut into parts of one size, of which one is on its way while the next gathers.

use std::mem;
use std::sync::Arc;

use basalt_core::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use tokio::task::JoinSet;

use super::Remote;
use super::janitor::Litter;
use crate::parts::Upload;
use crate::{Key, fault};

/// The least that S3 takes as a part; all but the last have exactly this, because some stores want them equal.
pub(super) const PART: usize = 5 * 1024 * 1024;
/// The most parts that S3 and GCS put together.
const PARTS: usize = 10_000;

pub(super) struct PartStream {
    pub(super) remote: Arc<Remote>,
    pub(super) key: Key,
    pub(super) gathered: Vec<u8>,
    upload: Option<Upload>,
    /// Whether the upload is nobody's when this is dropped.
    ours: bool,
    flying: JoinSet<Result<PartId>>,
}

impl PartStream {
    /// Goes on after what is there.
    pub(super) fn new(remote: Arc<Remote>, key: Key, upload: Option<Upload>, gathered: Vec<u8>) -> Self {
        Self { remote, key, gathered, upload, ours: false, flying: JoinSet::new() }
    }

    pub(super) async fn write(&mut self, mut piece: Bytes) -> Result<()> {
        while self.gathered.len() + piece.len() >= PART {
            let fits = piece.split_to(PART - self.gathered.len());
            self.gather(&fits);
            self.send().await?;
        }
        self.gather(&piece);
        Ok(())
    }

    /// What was gathered last goes as a part, too; all of them are in the store.
    pub(super) async fn send_rest(&mut self) -> Result<()> {
        if !self.gathered.is_empty() {
            self.send().await?;
        }
        self.land().await
    }

    /// Waits for the part that is on its way.
    pub(super) async fn land(&mut self) -> Result<()> {
        while let Some(landed) = self.flying.join_next().await {
            let id = landed.map_err(Error::internal)??;
            let upload = self.upload.as_mut().ok_or_else(|| Error::internal("a part without an upload"))?;
            upload.parts.push(id.content_id);
        }
        Ok(())
    }

    pub(super) fn upload(&self) -> Option<&Upload> {
        self.upload.as_ref()
    }

    /// From now on somebody else sees to the upload.
    pub(super) fn hand_over(&mut self) {
        self.ours = false;
    }

    /// Doubles up to a part's size and not beyond.
    fn gather(&mut self, bytes: &[u8]) {
        let needed = self.gathered.len() + bytes.len();
        if needed > self.gathered.capacity() {
            let room = needed.max(2 * self.gathered.capacity()).min(PART).max(needed);
            self.gathered.reserve_exact(room - self.gathered.len());
        }
        self.gathered.extend_from_slice(bytes);
    }

    async fn send(&mut self) -> Result<()> {
        self.land().await?;
        let upload = self.begun().await?;
        let (id, index) = (upload.id.clone(), upload.parts.len());
        if index >= PARTS {
            return Err(fault::too_large());
        }
        let part = PutPayload::from(mem::replace(&mut self.gathered, Vec::with_capacity(PART)));
        let (multipart, blob) = (Arc::clone(&self.remote.multipart), self.remote.blob(&self.key));
        self.flying.spawn(async move { multipart.put_part(&blob, &id, index, part).await.map_err(fault::of_store) });
        Ok(())
    }

    /// The multipart upload, begun when its first part is full; a ticket tells the sweep of it.
    async fn begun(&mut self) -> Result<&Upload> {
        if self.upload.is_none() {
            let blob = self.remote.blob(&self.key);
            let id = self.remote.multipart.create_multipart(&blob).await.map_err(fault::of_store)?;
            let ticket = ticket(&self.remote, &self.key, &id);
            self.upload = Some(Upload { id, parts: Vec::new() });
            self.ours = true;
            self.remote.store.put(&ticket, PutPayload::new()).await.map_err(fault::of_store)?;
        }
        self.upload.as_ref().ok_or_else(|| Error::internal("no upload was begun"))
    }
}

impl Drop for PartStream {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take().filter(|_| self.ours) {
            let (blob, ticket) = (self.remote.blob(&self.key), ticket(&self.remote, &self.key, &upload.id));
            self.remote.janitor.take(Litter { blob, upload: upload.id, ticket });
        }
    }
}

/// The object that tells of a multipart upload.
pub(super) fn ticket(remote: &Remote, key: &Key, upload: &str) -> Path {
    remote.folder(key).join(named("ticket", Some(upload)))
}

/// A name that also tells of the upload.
pub(super) fn named(name: &str, upload: Option<&str>) -> String {
    upload.map_or_else(|| name.to_owned(), |id| format!("{name}.{}", URL_SAFE_NO_PAD.encode(id)))
}

/// The upload that a name tells of.
pub(super) fn upload_of(path: &Path) -> Option<String> {
    let (_, encoded) = path.filename()?.split_once('.')?;
    String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}
