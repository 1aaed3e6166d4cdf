//! Pictures in other sizes and formats, made when somebody first asks for them and kept.
//!
//! Promises: who may not read the file gets no rendition of it; what nobody may ask for isn't made; a rendition has
//! nothing of the file but its pixels; what is made is bounded in pixels, bytes, time and number, and so is what is kept.
//! Renditions lie in the store of bytes beside the files and go with the last file of their content.

mod asked;
mod kept;
mod make;
mod sweep;

use std::ops::Range;
use std::sync::Arc;

use basalt_blob::{ByteStream, Key};
use basalt_core::{Caller, Code, Error, FilePath, Result};
use basalt_images::{Capacity, Limits, Wanted, Workers};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

pub use asked::Asked;
pub(crate) use kept::forget;
pub use kept::{RENDITIONS, RING, SWEEP};
pub use sweep::SweepHandler;

use super::{Files, Opened, Ticket};
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

/// A rendition, to be answered.
#[derive(Clone, Debug)]
pub struct Picture {
    pub content_type: String,
    pub size: u64,
    /// Of the rendition's bytes, in hex.
    pub sha256: String,
    pub width: u32,
    pub height: u32,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Memory(Bytes),
    Stored(Key),
}

impl Images {
    pub(crate) fn new(options: &ImageOptions) -> Self {
        let hot = Cache::with_weighter(2_000, options.hot, ByBytes);
        Self { options: *options, workers: Workers::new(options.capacity), hot }
    }
}

impl Opened {
    /// The file as this rendition shows it: with its content, under a name that fits.
    pub fn as_picture(&self, picture: &Picture) -> Self {
        let mut shown = self.clone();
        shown.file.size = picture.size;
        shown.file.sha256.clone_from(&picture.sha256);
        shown.file.content_type.clone_from(&picture.content_type);
        let path = self.file.target.path.as_str();
        let stem = match path.rsplit_once('.') {
            Some((stem, end)) if !stem.is_empty() && !end.contains('/') => stem,
            _ => path,
        };
        let end = picture.content_type.strip_prefix("image/").map_or("", |end| if end == "jpeg" { "jpg" } else { end });
        if let Ok(named) = FilePath::parse(&format!("{stem}.{end}")) {
            shown.file.target.path = named;
        }
        shown
    }
}

impl Picture {
    /// All of it, where it is in memory.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Memory(bytes) => Some(bytes),
            Body::Stored(_) => None,
        }
    }

    fn new(rendition: Rendition, body: Body) -> Self {
        let Rendition { content_type, size, sha256, width, height, .. } = rendition;
        Self { content_type, size, sha256, width, height, body }
    }
}

impl Files {
    /// What a request asks for of a file that was opened for it; `None`: the file as it is.
    ///
    /// `size_not_allowed` for a size that isn't for this caller, `bad_image` for what is no picture, is broken or is
    /// beyond the limits, `overloaded` and `timeout` when there is too much to do.
    pub async fn picture(
        &self,
        caller: &Caller,
        opened: &Opened,
        asked: Option<&Asked>,
        ticket: Option<&Ticket>,
    ) -> Result<Option<Picture>> {
        let Some(wanted) = asked::allowed(asked, &opened.bucket, caller, ticket)? else { return Ok(None) };
        if !is_picture(&opened.file.content_type) {
            return Err(no_picture());
        }
        let (bucket, sha256) = (opened.file.target.bucket.clone(), opened.file.sha256.clone());
        let name = Name { bucket, sha256, wanted: wanted.key() };
        // Whoever comes while one makes it waits for that one.
        let place = match self.images.hot.get_value_or_guard_async(&name).await {
            Ok(hot) => return hot.into_picture().map(Some),
            Err(place) => place,
        };
        let hot = match self.kept_or_made(opened, &name, wanted).await {
            Ok(Found { rendition, body: Body::Memory(bytes) }) if bytes.len() <= HOT_BYTES => {
                Hot::Made(Arc::new(Small { rendition, bytes }))
            }
            Ok(Found { rendition, body }) => return Ok(Some(Picture::new(rendition, body))),
            Err(error) if error.code() == Code::BadImage => Hot::Bad(error.detail().into()),
            Err(error) => return Err(error),
        };
        // (It is refused where the place was taken back meanwhile: then nothing is remembered.)
        let _ = place.insert(hot.clone());
        hot.into_picture().map(Some)
    }

    /// A range of a rendition's bytes, which has to lie within it.
    pub async fn read_picture(&self, picture: &Picture, range: Range<u64>) -> Result<ByteStream> {
        match &picture.body {
            Body::Stored(key) => self.blobs.read(key, range).await,
            Body::Memory(bytes) => {
                let within = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
                let piece = bytes.slice(within(range.start)..within(range.end.max(range.start)));
                Ok(stream::iter([Ok(piece)]).boxed())
            }
        }
    }

    async fn kept_or_made(&self, opened: &Opened, name: &Name, wanted: Wanted) -> Result<Found> {
        if let Some(found) = self.kept(name).await? {
            return Ok(found);
        }
        let made = self.make(&opened.key, opened.file.size, wanted).await?;
        Ok(self.keep(name, made).await)
    }

    /// One that was made before.
    async fn kept(&self, name: &Name) -> Result<Option<Found>> {
        let asked = name.clone();
        let found = self.db.inspect(move |tx: &mut Tx<'_>| kept::find(tx, &asked)).await?;
        let Some(rendition) = found else { return Ok(None) };
        let Some(body) = self.body(&rendition).await? else {
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
        Ok(Some(Found { rendition, body }))
    }

    async fn body(&self, rendition: &Rendition) -> Result<Option<Body>> {
        let key = rendition.key()?;
        if self.blobs.size(&key).await? != Some(rendition.size) {
            return Ok(None);
        }
        if rendition.size > HOT_BYTES as u64 {
            return Ok(Some(Body::Stored(key)));
        }
        self.first(&key, rendition.size).await.map(|bytes| Some(Body::Memory(bytes.into())))
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
        Found { rendition, body: Body::Memory(bytes) }
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

struct Found {
    rendition: Rendition,
    body: Body,
}

impl Hot {
    fn into_picture(self) -> Result<Picture> {
        match self {
            Self::Made(small) => Ok(Picture::new(small.rendition.clone(), Body::Memory(small.bytes.clone()))),
            Self::Bad(detail) => Err(Error::new(Code::BadImage, &*detail)),
        }
    }
}
