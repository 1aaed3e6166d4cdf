//! What can be shown of a picture before it is there.

use std::collections::BTreeMap;

use basalt_core::Result;
use fast_image_resize::FilterType;
use image::RgbaImage;

use crate::color::Pixels;
use crate::container::{Header, inspect};
use crate::decode::decode;
use crate::fit::Layout;
use crate::limits::{Limits, bad_image};
use crate::render::upright;
use crate::wanted::{Draft, Wanted};

/// Pixels of the longer side of what is looked at.
const SAMPLE: u32 = 48;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// As shown.
    pub width: u32,
    pub height: u32,
    /// <https://blurha.sh>, 4 × 3 components, 3 × 4 for what is higher than wide.
    pub blurhash: String,
    /// The colour of most of it, `#rrggbb`.
    pub color: String,
}

/// Bytes that [`describe`] holds at its peak, beside the source.
pub fn describe_weight(header: &Header) -> u64 {
    header.peak((SAMPLE, SAMPLE))
}

/// `None` for what is no picture, is broken, or is beyond the limits.
pub fn describe(source: &[u8], limits: &Limits) -> Option<Described> {
    try_describe(source, limits).ok()
}

fn try_describe(source: &[u8], limits: &Limits) -> Result<Described> {
    limits.check_source(source)?;
    let header = inspect(source)?;
    let (width, height) = header.shown();
    let layout = Layout::new((width, height), &sample().ok_or_else(|| bad_image("no sample"))?);
    limits.check(&header)?;
    limits.check_memory(describe_weight(&header))?;
    limits.check_time()?;
    let decoded = decode(source, &header, limits)?;
    limits.check_time()?;
    let pixels = upright(decoded, &header, &layout, FilterType::Bilinear)?;
    let color = dominant(&pixels);
    let flat = image::DynamicImage::ImageRgb8(pixels.flattened()).into_rgba8();
    Ok(Described { width, height, blurhash: blurhash(&flat)?, color })
}

fn sample() -> Option<Wanted> {
    Draft { width: Some(SAMPLE), height: Some(SAMPLE), ..Draft::default() }.check().ok().flatten()
}

fn blurhash(picture: &RgbaImage) -> Result<String> {
    let (width, height) = picture.dimensions();
    let (across, down) = if height > width { (3, 4) } else { (4, 3) };
    blurhash::encode(across, down, width, height, picture).map_err(bad_image)
}

/// The mean of the fullest of 4,096 boxes of like colours; what isn't seen doesn't count.
fn dominant(pixels: &Pixels) -> String {
    let mut boxes: BTreeMap<[u8; 3], [u64; 4]> = BTreeMap::new();
    let mut count = |[red, green, blue]: [u8; 3], alpha: u8| {
        let sums = boxes.entry([red >> 4, green >> 4, blue >> 4]).or_default();
        for (sum, channel) in sums.iter_mut().zip([red, green, blue, 1]) {
            *sum += u64::from(channel) * u64::from(alpha);
        }
    };
    match pixels {
        Pixels::Opaque(picture) => picture.pixels().for_each(|pixel| count(pixel.0, u8::MAX)),
        Pixels::Clear(picture) => {
            picture.pixels().for_each(|pixel| count([pixel[0], pixel[1], pixel[2]], pixel[3]));
        }
    }
    // The first of equals, in the order of the colours.
    let fullest = boxes.values().rev().max_by_key(|sums| sums[3]).filter(|sums| sums[3] > 0);
    let [red, green, blue, weight] = fullest.copied().unwrap_or([255, 255, 255, 1]);
    format!("#{:02x}{:02x}{:02x}", red / weight, green / weight, blue / weight)
}
