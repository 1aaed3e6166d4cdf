//! Bytes: where the contents of files lie, on a local disk or in the store of a cloud. The only crate that names
//! `object_store`.
//!
//! Promises: what [`Writing::finish`] or [`Blobs::complete`] said is there stays there, whole, through a crash or a power
//! loss; what isn't finished is never read, listed or measured; bytes are written once, under a random [`Key`], and never
//! change. Memory is bounded: a reader holds a piece, a writer a block (local) or two parts (remote).
//!
//! Uploads that go on later have their state in a [`Parts`], which the caller keeps durably and lets one holder use at a
//! time. Nothing here remembers it: any node that sees the same bytes may go on.

mod fault;
mod key;
mod local;
mod parts;
mod place;
mod remote;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Result, Timestamp};
use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use key::Key;
pub use parts::Parts;
pub use place::{Bucket, Place};

use local::Local;
use remote::Remote;

/// Pieces of a file, in order, of some 64 KiB at most where the store lets us choose.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// A finished file as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub key: Key,
    pub size: u64,
    pub modified: Timestamp,
}

/// Headers that a presigned answer is to have.
#[derive(Clone, Debug, Default)]
pub struct AnswerHeaders {
    pub content_type: Option<String>,
    pub content_disposition: Option<String>,
}

/// The store of bytes; cheap to clone.
#[derive(Clone)]
pub struct Blobs(Store);

#[derive(Clone)]
enum Store {
    Local(Arc<Local>),
    Remote(Arc<Remote>),
}

impl Blobs {
    /// Opens a place, and proves that it can be written to.
    pub async fn open(place: Place) -> Result<Self> {
        Ok(Self(match place {
            Place::Local(path) => Store::Local(Local::open(path).await?),
            Place::S3(bucket) => Store::Remote(Remote::s3(&bucket).await?),
            Place::Gcs(bucket) => Store::Remote(Remote::gcs(&bucket).await?),
            Place::Azure(bucket) => Store::Remote(Remote::azure(&bucket).await?),
        }))
    }

    /// Whether other nodes see the same bytes.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Store::Remote(_))
    }

    /// Begins a file that is written by one request. `key` is a new one.
    #[expect(clippy::unused_async, reason = "no store has to be asked today; that is not for callers to rely on")]
    pub async fn create(&self, key: &Key) -> Result<Writing> {
        Ok(Writing(match &self.0 {
            Store::Local(local) => Writer::Local(local.create(key)),
            Store::Remote(remote) => Writer::Remote(Box::new(Remote::create(remote, key))),
        }))
    }

    /// A range of a finished file, which has to lie within it.
    pub async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream> {
        match &self.0 {
            Store::Local(local) => local.read(key, range).await,
            Store::Remote(remote) => remote.read(key, range).await,
        }
    }

    /// How many bytes a finished file has; `None` where there is none.
    pub async fn size(&self, key: &Key) -> Result<Option<u64>> {
        match &self.0 {
            Store::Local(local) => local.size(key).await,
            Store::Remote(remote) => remote.size(key).await,
        }
    }

    /// The same bytes under another key, without moving them through the server where the store can do that.
    pub async fn copy(&self, from: &Key, to: &Key) -> Result<()> {
        match &self.0 {
            Store::Local(local) => local.copy(from, to).await,
            Store::Remote(remote) => Remote::copy(remote, from, to).await,
        }
    }

    /// Removes a file; one that isn't there is fine.
    pub async fn delete(&self, key: &Key) -> Result<()> {
        match &self.0 {
            Store::Local(local) => local.delete(key).await,
            Store::Remote(remote) => remote.delete(key).await,
        }
    }

    /// Every finished file, in no promised order.
    pub fn list(&self) -> BoxStream<'static, Result<Stored>> {
        match &self.0 {
            Store::Local(local) => local.list(),
            Store::Remote(remote) => remote.list(),
        }
    }

    /// A URL by which anybody reads the file from the store itself for a while. `None` where the store has no such
    /// thing, or none with these headers.
    pub async fn presign(&self, key: &Key, expires: Duration, answer: &AnswerHeaders) -> Result<Option<String>> {
        match &self.0 {
            Store::Local(_) => Ok(None),
            Store::Remote(remote) => remote.presign(key, expires, answer).await,
        }
    }

    /// Begins an upload of several requests. `key` is a new one.
    #[expect(clippy::unused_async, reason = "no store has to be asked today; that is not for callers to rely on")]
    pub async fn begin(&self, key: &Key) -> Result<Parts> {
        Ok(Parts::new(key.clone()))
    }

    /// Goes on exactly at [`Parts::offset`]; what a broken try left beyond it is dropped.
    pub async fn append(&self, parts: &Parts) -> Result<Appending> {
        Ok(Appending(match &self.0 {
            Store::Local(local) => Appender::Local(Box::new(local.append(parts).await?)),
            Store::Remote(remote) => Appender::Remote(Box::new(Remote::append(remote, parts).await?)),
        }))
    }

    /// Makes the file readable under its key. May be repeated: what is complete stays so.
    pub async fn complete(&self, parts: &Parts) -> Result<()> {
        match &self.0 {
            Store::Local(local) => local.complete(&parts.key, parts.offset).await,
            Store::Remote(remote) => remote.complete(parts).await,
        }
    }

    /// Gives up an upload and what was kept of it.
    pub async fn abandon(&self, parts: &Parts) -> Result<()> {
        match &self.0 {
            Store::Local(local) => local.abandon(&parts.key).await,
            Store::Remote(remote) => remote.abandon(parts).await,
        }
    }

    /// Removes what was begun and that nobody went on with since `older_than`; says how many pieces.
    pub async fn sweep(&self, older_than: Timestamp) -> Result<u64> {
        match &self.0 {
            Store::Local(local) => local.sweep(older_than).await,
            Store::Remote(remote) => remote.sweep(older_than).await,
        }
    }
}

/// One request's upload. Dropped unfinished, nothing of it stays.
pub struct Writing(Writer);

enum Writer {
    Local(local::Writing),
    Remote(Box<remote::Writing>),
}

impl Writing {
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        match &mut self.0 {
            Writer::Local(writing) => writing.write(piece).await,
            Writer::Remote(writing) => writing.write(piece).await,
        }
    }

    /// Makes the file readable and durable.
    pub async fn finish(self) -> Result<()> {
        match self.0 {
            Writer::Local(writing) => writing.finish().await,
            Writer::Remote(writing) => writing.finish().await,
        }
    }

    /// Drops it; what was sent to a store is removed behind the caller's back.
    pub fn abort(self) {}
}

/// One request's stretch of an upload. Dropped unsaved, the upload stands where it stood.
pub struct Appending(Appender);

enum Appender {
    Local(Box<local::Appending>),
    Remote(Box<remote::Appending>),
}

impl Appending {
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        match &mut self.0 {
            Appender::Local(appending) => appending.write(piece).await,
            Appender::Remote(appending) => appending.write(piece).await,
        }
    }

    /// Makes what was written durable. The caller keeps the new state before it tells anybody of the offset.
    pub async fn save(self) -> Result<Parts> {
        match self.0 {
            Appender::Local(appending) => appending.save().await,
            Appender::Remote(appending) => appending.save().await,
        }
    }
}
