use std::sync::Arc;

use basalt_core::Result;
use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::{ObjectStoreExt, PutPayload};

use super::Remote;
use super::stream::{PartStream, ticket};
use crate::parts::Upload;
use crate::{Key, fault};

/// A file that is being written by one request.
pub(crate) struct Writing {
    stream: PartStream,
    total: u64,
}

impl Remote {
    pub(crate) fn create(this: &Arc<Self>, key: &Key) -> Writing {
        Writing { stream: PartStream::new(Arc::clone(this), key.clone(), None, Vec::new()), total: 0 }
    }

    /// Puts the parts together. What is there already, with the right size, is done: the answer to an earlier try may
    /// have been lost.
    pub(super) async fn join(&self, key: &Key, upload: &Upload, size: u64) -> Result<()> {
        let parts = upload.parts.iter().map(|id| PartId { content_id: id.clone() }).collect();
        match self.multipart.complete_multipart(&self.blob(key), &upload.id, parts).await {
            Ok(_) => Ok(()),
            Err(error) => match self.size(key).await {
                Ok(Some(found)) if found == size => Ok(()),
                _ => Err(fault::of_store(error)),
            },
        }
    }
}

impl Writing {
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.total += piece.len() as u64;
        self.stream.write(piece).await
    }

    pub(crate) async fn finish(mut self) -> Result<()> {
        if self.stream.upload().is_some() {
            self.stream.send_rest().await?;
        }
        let (remote, key) = (Arc::clone(&self.stream.remote), self.stream.key.clone());
        let Some(upload) = self.stream.upload() else {
            let bytes = PutPayload::from(std::mem::take(&mut self.stream.gathered));
            remote.store.put(&remote.blob(&key), bytes).await.map_err(fault::of_store)?;
            return Ok(());
        };
        remote.join(&key, upload, self.total).await?;
        let ticket = ticket(&remote, &key, &upload.id);
        self.stream.hand_over();
        if let Err(error) = remote.remove(&ticket).await {
            tracing::debug!(%error, "a ticket is left to the sweep");
        }
        Ok(())
    }
}
