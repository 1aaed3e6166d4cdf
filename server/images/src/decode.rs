//! From a file to pixels, within the limits.

use std::io::Cursor;

use basalt_core::Result;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageResult};

use crate::container::Header;
use crate::format::Source;
use crate::limits::{Limits, bad_image};

/// Profiles of RGB are a few kilobytes; what is longer is left alone.
const PROFILE_BYTES: usize = 256 << 10;

pub(crate) struct Decoded {
    /// As stored: not turned yet.
    pub(crate) picture: DynamicImage,
    /// ICC.
    pub(crate) profile: Option<Vec<u8>>,
}

/// The first frame of what moves.
pub(crate) fn decode(source: &[u8], header: &Header, limits: &Limits) -> Result<Decoded> {
    limits.check(header)?;
    let bounds = bounds(header);
    let cursor = Cursor::new(source);
    let decoded = match header.format {
        Source::Jpeg => JpegDecoder::new(cursor).and_then(|decoder| read(decoder, header, bounds)),
        Source::Png => {
            PngDecoder::with_limits(cursor, bounds.clone()).and_then(|decoder| read(decoder, header, bounds))
        }
        Source::Webp => WebPDecoder::new(cursor).and_then(|decoder| read(decoder, header, bounds)),
        Source::Gif => GifDecoder::new(cursor).and_then(|decoder| read(decoder, header, bounds)),
    };
    decoded.map_err(bad_image)
}

/// The codecs are told what the header claimed: one that finds more in the file stops.
fn bounds(header: &Header) -> image::Limits {
    let mut bounds = image::Limits::no_limits();
    bounds.max_image_width = Some(header.width);
    bounds.max_image_height = Some(header.height);
    bounds.max_alloc = Some(header.pixels() * header.cost.decoding + (PROFILE_BYTES as u64) * 4);
    bounds
}

fn read(mut decoder: impl ImageDecoder, header: &Header, bounds: image::Limits) -> ImageResult<Decoded> {
    decoder.set_limits(bounds)?;
    if decoder.dimensions() != (header.width, header.height) {
        use image::error::{LimitError, LimitErrorKind};
        return Err(image::ImageError::Limits(LimitError::from_kind(LimitErrorKind::DimensionError)));
    }
    let profile = decoder.icc_profile().ok().flatten().filter(|profile| profile.len() <= PROFILE_BYTES);
    Ok(Decoded { picture: DynamicImage::from_decoder(decoder)?, profile })
}
