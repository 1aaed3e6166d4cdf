//! Pictures in other sizes and formats, made when somebody first asks for them and kept.
//!
//! Promises: who may not read the file gets no rendition of it; what nobody may ask for isn't made; a rendition has
//! nothing of the file but its pixels; what is made is bounded in pixels, bytes, time and number, and so is what is kept.
//! Renditions lie in the store of bytes beside the files and go with the last file of their content.

mod asked;
mod kept;
mod make;
mod sweep;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use basalt_blob::Key;
use basalt_core::{Caller, Code, Document, Error, FilePath, Result};
use basalt_images::{Capacity, Limits, Wanted, Workers};
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

pub use asked::Asked;
pub(crate) use kept::forget;
pub use kept::{RENDITIONS, RING, SWEEP};
pub use sweep::SweepHandler;

use super::commit::bucket_of;
use super::{File, Files, Opened, Target, Ticket};
use crate::common::Tx;
use kept::{Keeping, Name, Rendition};
use make::{Made, is_picture, no_picture};

/// What pictures may cost.
#[derive(Clone, Copy, Debug)]
pub struct ImageOptions {
    /// Of one picture.
    pub limits: Limits,
    /// Of all that are worked on at once.
    pub capacity: Capacity,
    /// Bytes of renditions in the store; beyond them the oldest that nobody uses go.
    pub kept: u64,
    /// Bytes of small renditions in memory.
    pub hot: u64,
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self { limits: Limits::default(), capacity: Capacity::default(), kept: 1 << 30, hot: 16 << 20 }
    }
}

/// Of this, at most, a rendition in memory.
const HOT_BYTES: usize = 128 << 10;
/// What names and types take beside the bytes.
const HOT_OVERHEAD: u64 = 512;

/// The state of this part of the room.
pub(crate) struct Images {
    options: ImageOptions,
    workers: Workers,
    hot: Cache<Name, Hot, ByBytes>,
    /// Panics of codecs that were counted.
    told: AtomicU64,
}

/// What is known in memory of a rendition: content never changes, so neither does this.
#[derive(Clone)]
enum Hot {
    Made(Arc<Small>),
    /// The picture is bad, and would be again.
    Bad(Arc<str>),
}

struct Small {
    rendition: Rendition,
    bytes: Bytes,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Name, Hot> for ByBytes {
    fn weight(&self, _: &Name, hot: &Hot) -> u64 {
        match hot {
            Hot::Made(small) => small.bytes.len() as u64 + HOT_OVERHEAD,
            Hot::Bad(_) => HOT_OVERHEAD,
        }
    }
}

/// A rendition, to be answered as a file.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The file with the rendition's bytes in the place of its own.
    pub opened: Opened,
    /// All of them, where they are in memory.
    pub bytes: Option<Bytes>,
    pub width: u32,
    pub height: u32,
}

/// A rendition, with its bytes where they are in memory.
struct Found {
    rendition: Rendition,
    bytes: Option<Bytes>,
}

impl Images {
    pub(crate) fn new(options: &ImageOptions) -> Self {
        let hot = Cache::with_weighter(2_000, options.hot, ByBytes);
        Self { options: *options, workers: Workers::new(options.capacity), hot, told: AtomicU64::new(0) }
    }

    fn tell_panics(&self) {
        let panics = self.workers.panics();
        let told = self.told.fetch_max(panics, Ordering::Relaxed);
        metrics::counter!("basalt_image_panics_total").increment(panics.saturating_sub(told));
    }
}

impl Files {
    /// What a request asks for of a file, for who may read it; `None`: it asks for the file as it is.
    ///
    /// `size_not_allowed` for a size that isn't for this caller, `bad_image` for what is no picture, is broken or is
    /// beyond the limits, `overloaded` and `timeout` when there is too much to do.
    pub async fn picture(
        &self,
        caller: &Caller,
        target: &Target,
        ticket: Option<&Ticket>,
        asked: Option<&Asked>,
    ) -> Result<Option<Picture>> {
        if asked.is_none() && ticket.and_then(Ticket::image).is_none() {
            return Ok(None);
        }
        let document = self.found(caller, target, ticket).await?;
        let file = File::of(&document)?;
        let compiled = self.collections.files()?;
        let bucket = bucket_of(&compiled, &file.target)?;
        let Some(wanted) = asked::allowed(asked, bucket, caller, ticket)? else { return Ok(None) };
        if !is_picture(&file.content_type) {
            return Err(no_picture());
        }
        let found = self.rendition(&document, &file, wanted).await?;
        let Rendition { width, height, .. } = found.rendition;
        let (key, bytes) = (found.rendition.key()?, found.bytes);
        let file = shown(file, found.rendition);
        Ok(Some(Picture { opened: Opened { document, file, key, bucket: bucket.clone() }, bytes, width, height }))
    }

    async fn rendition(&self, document: &Arc<Document>, file: &File, wanted: Wanted) -> Result<Found> {
        let (bucket, sha256) = (file.target.bucket.clone(), file.sha256.clone());
        let name = Name { bucket, sha256, wanted: wanted.key() };
        // Whoever comes while one makes it waits for that one.
        let place = match self.images.hot.get_value_or_guard_async(&name).await {
            Ok(hot) => return hot.found(),
            Err(place) => place,
        };
        let hot = match self.kept_or_made(document, &name, wanted).await {
            Ok(Found { rendition, bytes: Some(bytes) }) if bytes.len() <= HOT_BYTES => {
                Hot::Made(Arc::new(Small { rendition, bytes }))
            }
            Ok(found) => return Ok(found),
            Err(error) if error.code() == Code::BadImage => Hot::Bad(error.detail().into()),
            Err(error) => return Err(error),
        };
        // (It is refused where the place was taken back meanwhile: then nothing is remembered.)
        let _ = place.insert(hot.clone());
        hot.found()
    }

    async fn kept_or_made(&self, document: &Arc<Document>, name: &Name, wanted: Wanted) -> Result<Found> {
        if let Some(found) = self.kept(name).await? {
            return Ok(found);
        }
        let opened = self.opened(Arc::clone(document)).await?;
        let made = self.make(&opened.key, opened.file.size, wanted).await?;
        Ok(self.keep(name, made).await)
    }

    /// One that was made before.
    async fn kept(&self, name: &Name) -> Result<Option<Found>> {
        let asked = name.clone();
        let found = self.db.inspect(move |tx: &mut Tx<'_>| kept::find(tx, &asked)).await?;
        let Some(rendition) = found else { return Ok(None) };
        let Some(bytes) = self.bytes_of(&rendition).await? else {
            // A store that lost something loses only what can be made again.
            tracing::warn!(key = rendition.key, "the bytes of a rendition are gone; it is made anew");
            let (name, key) = (name.clone(), rendition.key);
            self.db.commit(&self.system(), move |tx: &mut Tx<'_>| kept::drop_lost(tx, &name, &key)).await?;
            return Ok(None);
        };
        if kept::is_stale(&rendition, self.db.now()) {
            let name = name.clone();
            self.db.commit(&self.system(), move |tx: &mut Tx<'_>| kept::mark(tx, &name)).await?;
        }
        Ok(Some(Found { rendition, bytes }))
    }

    /// `None` where they are gone; of a large one only whether they are there.
    async fn bytes_of(&self, rendition: &Rendition) -> Result<Option<Option<Bytes>>> {
        let key = rendition.key()?;
        if self.blobs.size(&key).await? != Some(rendition.size) {
            return Ok(None);
        }
        if rendition.size > HOT_BYTES as u64 {
            return Ok(Some(None));
        }
        self.first(&key, rendition.size).await.map(|bytes| Some(Some(bytes.into())))
    }

    /// Keeps what was made, where that can be done: it is answered from memory in any case.
    async fn keep(&self, name: &Name, made: Made) -> Found {
        let key = self.new_key();
        let Made { rendered, sha256 } = made;
        let rendition = Rendition::new(&key, &rendered, sha256);
        let bytes = Bytes::from(rendered.bytes);
        if let Err(error) = self.store(name, &rendition, &key, &bytes).await {
            tracing::warn!(?error, "a rendition could not be kept");
            self.drop_bytes(&key).await;
        }
        Found { rendition, bytes: Some(bytes) }
    }

    async fn store(&self, name: &Name, rendition: &Rendition, key: &Key, bytes: &Bytes) -> Result<()> {
        let mut writing = self.blobs.create(key).await?;
        writing.write(bytes.clone()).await?;
        writing.finish().await?;
        let (name, rendition, most) = (name.clone(), rendition.clone(), self.images.options.kept);
        let decide = move |tx: &mut Tx<'_>| kept::keep(tx, &name, &rendition, most);
        match self.db.commit(&self.system(), decide).await?.value {
            Keeping::Kept { gone } => self.drop_all(&gone).await,
            Keeping::Dropped => self.drop_bytes(key).await,
        }
        Ok(())
    }

    pub(super) async fn drop_all(&self, keys: &[Key]) {
        for key in keys {
            self.drop_bytes(key).await;
        }
    }
}

impl Hot {
    fn found(self) -> Result<Found> {
        match self {
            Self::Made(small) => Ok(Found { rendition: small.rendition.clone(), bytes: Some(small.bytes.clone()) }),
            Self::Bad(detail) => Err(Error::new(Code::BadImage, &*detail)),
        }
    }
}

/// The file with the rendition's content, under a name that fits.
fn shown(file: File, rendition: Rendition) -> File {
    let Rendition { size, sha256, content_type, .. } = rendition;
    let path = file.target.path.as_str();
    let stem = match path.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && !stem.ends_with('/') && !end.contains('/') => stem,
        _ => path,
    };
    let end = content_type.strip_prefix("image/").map_or("", |end| if end == "jpeg" { "jpg" } else { end });
    let path = FilePath::parse(&format!("{stem}.{end}")).unwrap_or(file.target.path);
    File { target: Target { path, ..file.target }, size, sha256, content_type, ..file }
}
