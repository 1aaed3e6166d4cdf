//! Files in the store of a cloud.
//!
//! Under the prefix, `blobs/ab/NAME` are finished files. `parts/ab/NAME/…` belongs to one that is being written: what isn't
//! a part of its own yet, and tickets that tell of multipart uploads, which stores don't list in one way.

mod build;
mod janitor;
mod parts;
mod presign;
mod stream;
mod sweep;
mod write;

use std::ops::Range;
use std::sync::Arc;

use basalt_core::{Code, Error, Result, Timestamp};
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};

use crate::{ByteStream, Key, Stored, fault};

pub(crate) use parts::Appending;
pub(crate) use write::Writing;

use janitor::Janitor;

/// What S3 and its likes copy by themselves in one request.
const COPIED_AT_ONCE: u64 = 5 * 1024 * 1024 * 1024;

pub(crate) struct Remote {
    store: Arc<dyn ObjectStore>,
    multipart: Arc<dyn MultipartStore>,
    signer: Option<Arc<dyn Signer>>,
    prefix: Path,
    janitor: Janitor,
}

/// The parts of an answer to "what is it" that stores give.
fn stored_at(meta: &ObjectMeta) -> Timestamp {
    Timestamp::from_millis(meta.last_modified.timestamp_millis())
}

impl Remote {
    /// Writes, reads and deletes one small object, so that a wrong setting shows at the start.
    async fn prove(self, shown: &str) -> Result<Arc<Self>> {
        let probe = self.prefix.clone().join("probe");
        let proof = async {
            self.store.put(&probe, PutPayload::from_static(b"basalt")).await?;
            self.store.get(&probe).await?.bytes().await?;
            absent_is_fine(self.store.delete(&probe).await)
        };
        proof.await.map_err(|error| {
            Error::new(Code::Unavailable, format!("Files can't be kept in {shown}: {error}.")).caused_by(error)
        })?;
        Ok(Arc::new(self))
    }

    pub(crate) async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream> {
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let length = range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let answer = self.store.get_opts(&self.blob(key), options).await.map_err(|error| of_blob(key, error))?;
        if answer.range.end - answer.range.start != length {
            return Err(Error::internal(format!("{key} gave {:?} where {length} bytes were asked for", answer.range)));
        }
        Ok(answer.into_stream().map_err(fault::of_store).boxed())
    }

    pub(crate) async fn size(&self, key: &Key) -> Result<Option<u64>> {
        match self.store.head(&self.blob(key)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault::of_store(error)),
        }
    }

    pub(crate) async fn copy(this: &Arc<Self>, from: &Key, to: &Key) -> Result<()> {
        let size = this.size(from).await?.ok_or_else(|| fault::missing(from))?;
        if size <= COPIED_AT_ONCE {
            let copied = this.store.copy(&this.blob(from), &this.blob(to)).await;
            return copied.map_err(|error| of_blob(from, error));
        }
        let mut bytes = this.read(from, 0..size).await?;
        let mut writing = Self::create(this, to);
        while let Some(piece) = bytes.try_next().await? {
            writing.write(piece).await?;
        }
        writing.finish().await
    }

    pub(crate) async fn delete(&self, key: &Key) -> Result<()> {
        self.remove(&self.blob(key)).await
    }

    pub(crate) fn list(&self) -> BoxStream<'static, Result<Stored>> {
        let folder = self.prefix.clone().join("blobs");
        let listed = self.store.list(Some(&folder)).map_err(fault::of_store);
        // What isn't one of ours is left alone.
        listed.try_filter_map(|meta| async move { Ok(stored(&meta)) }).boxed()
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        absent_is_fine(self.store.delete(path).await).map_err(fault::of_store)
    }

    fn blob(&self, key: &Key) -> Path {
        self.under("blobs", key)
    }

    /// What belongs to a file that is being written.
    fn folder(&self, key: &Key) -> Path {
        self.under("parts", key)
    }

    fn under(&self, folder: &'static str, key: &Key) -> Path {
        key.as_str().split('/').fold(self.prefix.clone().join(folder), Path::join)
    }
}

fn stored(meta: &ObjectMeta) -> Option<Stored> {
    let key = key_at(meta.location.as_ref())?;
    Some(Stored { key, size: meta.size, modified: stored_at(meta) })
}

/// The key that a path ends with.
fn key_at(path: &str) -> Option<Key> {
    let mut names = path.rsplit('/');
    let (name, folder) = (names.next()?, names.next()?);
    Key::parse(&format!("{folder}/{name}")).ok()
}

fn of_blob(key: &Key, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => fault::missing(key),
        other => fault::of_store(other),
    }
}

fn absent_is_fine(outcome: object_store::Result<()>) -> object_store::Result<()> {
    outcome.or_else(|error| if matches!(error, object_store::Error::NotFound { .. }) { Ok(()) } else { Err(error) })
}
