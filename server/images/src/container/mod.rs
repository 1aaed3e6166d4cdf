//! The files that pictures come in: what their headers say, and their pieces.

mod bytes;
pub(crate) mod exif;
pub(crate) mod gif;
pub(crate) mod jpeg;
pub(crate) mod png;
pub(crate) mod webp;

use basalt_core::Result;

pub(crate) use bytes::{Bytes, Stop};

use crate::format::Source;
use crate::limits::bad_image;
use crate::orientation::Orientation;

/// No header is looked for beyond this.
pub const HEAD_BYTES: usize = 256 << 10;
/// Bytes of a pixel with eight bits a channel.
const SHALLOW: u64 = 4;

/// What a file says about its picture, which may be a lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub format: Source,
    /// As stored, not as shown: see [`Header::shown`].
    pub width: u32,
    pub height: u32,
    pub orientation: Orientation,
    /// EXIF or XMP tell where it was taken.
    pub has_gps: bool,
    /// `None` where it moves and only the whole file would tell for how long.
    pub frames: Option<u32>,
    pub(crate) cost: Cost,
}

/// What one pixel takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// While it is decoded, with what the codec keeps beside it.
    pub(crate) decoding: u64,
    /// Afterwards.
    pub(crate) decoded: u64,
    /// Whether it may be seen through, which resizing takes a copy for.
    pub(crate) alpha: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    Picture(Header),
    /// Nothing is wrong so far; give at least so many bytes from the file's start, which is at most [`HEAD_BYTES`].
    More(usize),
    /// No format that is known here.
    Unknown,
}

impl Header {
    /// Width and height of the picture when it stands upright.
    pub fn shown(&self) -> (u32, u32) {
        self.orientation.swap((self.width, self.height))
    }

    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes that decoding holds at its peak, then making eight bits a channel of more, then resizing to so many pixels.
    pub(crate) fn peak(&self, (width, height): (u32, u32)) -> u64 {
        let Cost { decoding, decoded, alpha } = self.cost;
        let (width, height) = self.orientation.swap((width, height));
        let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
        // Between its two passes one side has its new length.
        let between = product(width, self.height).max(product(self.width, height));
        let copies = if alpha { 2 } else { 1 };
        let shallow = decoded.min(SHALLOW);
        let made_shallow = if decoded > SHALLOW { self.pixels().saturating_mul(decoded + SHALLOW) } else { 0 };
        let small = between.saturating_add(product(width, height)).saturating_mul(shallow);
        let resizing = self.pixels().saturating_mul(shallow * copies).saturating_add(small);
        self.pixels().saturating_mul(decoding).max(made_shallow).max(resizing)
    }
}

/// Reads the header from the first bytes of a file; never decodes.
///
/// What a file has behind its pixels (EXIF in WebP, sometimes in PNG) isn't seen; [`inspect`] does. A file that begins
/// as a picture and isn't one is `bad_image`.
pub fn probe(head: &[u8]) -> Result<Probed> {
    if head.len() < 12 {
        return Ok(Probed::More(12));
    }
    let Some(format) = Source::sniff(head) else { return Ok(Probed::Unknown) };
    match read(format, head, Reach::Head) {
        Ok(header) => Ok(Probed::Picture(header)),
        Err(Stop::Short(needed)) if needed <= HEAD_BYTES && needed > head.len() => Ok(Probed::More(needed)),
        Err(Stop::Short(_)) => Err(bad_image("the header is too long")),
        Err(Stop::Broken(why)) => Err(bad_image(why)),
    }
}

/// Reads all that a whole file says about its picture; never decodes.
pub fn inspect(source: &[u8]) -> Result<Header> {
    let format = Source::sniff(source).ok_or_else(|| bad_image("no format that is known"))?;
    read(format, source, Reach::Whole).map_err(|stop| match stop {
        Stop::Short(needed) => bad_image(format!("{needed} bytes are needed")),
        Stop::Broken(why) => bad_image(why),
    })
}

/// How much of the file is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Head,
    Whole,
}

fn read(format: Source, bytes: &[u8], reach: Reach) -> Result<Header, Stop> {
    let header = match format {
        Source::Jpeg => jpeg::header(bytes),
        Source::Png => png::header(bytes, reach),
        Source::Webp => webp::header(bytes, reach),
        Source::Gif => gif::header(bytes),
    }?;
    if header.width == 0 || header.height == 0 {
        return Err(Stop::Broken("the picture has no pixels"));
    }
    Ok(header)
}
