//! Pictures to work on.

use basalt_images::{Limits, Rendered, Wanted, render};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, Frame, ImageEncoder, Rgb, RgbImage, Rgba, RgbaImage};

pub(crate) const RED: [u8; 3] = [230, 20, 30];
pub(crate) const GREEN: [u8; 3] = [20, 200, 40];
pub(crate) const BLUE: [u8; 3] = [20, 40, 220];
pub(crate) const YELLOW: [u8; 3] = [240, 230, 20];

/// A colour in each corner: red, green; blue, yellow.
pub(crate) fn corners(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => YELLOW,
        })
    })
}

/// As it is stored for this orientation, by the table of EXIF (where the first row and the first column are).
pub(crate) fn stored(upright: &RgbImage, orientation: u16) -> RgbImage {
    let (shown_width, shown_height) = upright.dimensions();
    let (width, height) = if orientation >= 5 { (shown_height, shown_width) } else { (shown_width, shown_height) };
    RgbImage::from_fn(width, height, |column, row| {
        let (x, y) = match orientation {
            1 => (column, row),
            2 => (width - 1 - column, row),
            3 => (width - 1 - column, height - 1 - row),
            4 => (column, height - 1 - row),
            5 => (row, column),
            6 => (height - 1 - row, column),
            7 => (height - 1 - row, width - 1 - column),
            _ => (row, width - 1 - column),
        };
        *upright.get_pixel(x, y)
    })
}

/// Red that fades away to the right.
pub(crate) fn fading(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, _| Rgba([200, 0, 0, u8::try_from(255 - x * 255 / width).unwrap()]))
}

/// EXIF in the order of little ends, with orientation, maker and, if wanted, a place.
pub(crate) fn exif(orientation: u16, gps: bool) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0".to_vec();
    let entries: u16 = if gps { 3 } else { 2 };
    let after = 8 + 2 + u32::from(entries) * 12 + 4;
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4], block: &mut Vec<u8>| {
        block.extend_from_slice(&tag.to_le_bytes());
        block.extend_from_slice(&kind.to_le_bytes());
        block.extend_from_slice(&count.to_le_bytes());
        block.extend_from_slice(&value);
    };
    block.extend_from_slice(&entries.to_le_bytes());
    entry(0x010F, 2, 4, *b"Cam\0", &mut block);
    let [low, high] = orientation.to_le_bytes();
    entry(0x0112, 3, 1, [low, high, 0, 0], &mut block);
    if gps {
        entry(0x8825, 4, 1, after.to_le_bytes(), &mut block);
    }
    block.extend_from_slice(&[0; 4]);
    if gps {
        block.extend_from_slice(&1_u16.to_le_bytes());
        entry(1, 2, 2, *b"N\0\0\0", &mut block);
        block.extend_from_slice(b"\0\0\0\0SECRETPLACE");
    }
    block
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    Webp,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Jpeg, Kind::Png, Kind::Webp];

pub(crate) fn encoded(picture: &RgbImage, kind: Kind, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    match kind {
        Kind::Jpeg => write(JpegEncoder::new_with_quality(&mut out, 95), picture, exif),
        Kind::Png => write(PngEncoder::new(&mut out), picture, exif),
        Kind::Webp => write(WebPEncoder::new_lossless(&mut out), picture, exif),
    }
    out
}

fn write(mut encoder: impl ImageEncoder, picture: &RgbImage, exif: Option<Vec<u8>>) {
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).unwrap();
    }
    encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).unwrap();
}

pub(crate) fn png(picture: &RgbaImage) -> Vec<u8> {
    let mut out = Vec::new();
    let (width, height) = picture.dimensions();
    PngEncoder::new(&mut out).write_image(picture, width, height, ExtendedColorType::Rgba8).unwrap();
    out
}

pub(crate) fn gif(width: u32, height: u32, frames: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let picture = DynamicImage::ImageRgb8(corners(width, height)).into_rgba8();
    GifEncoder::new(&mut out).encode_frames((0..frames).map(|_| Frame::new(picture.clone()))).unwrap();
    out
}

pub(crate) fn wanted(query: &str) -> Wanted {
    let parts = query.split('&').map(|part| part.split_once('=').unwrap());
    Wanted::parse(parts).unwrap().unwrap()
}

pub(crate) fn rendered(source: &[u8], query: &str) -> Rendered {
    render(source, &wanted(query), &Limits::default()).unwrap()
}

pub(crate) fn decoded(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).unwrap()
}

/// Whether the middles of the four quarters have these colours, about.
pub(crate) fn quarters_are(picture: &DynamicImage, colors: [[u8; 3]; 4]) -> bool {
    let picture = picture.to_rgb8();
    let (width, height) = picture.dimensions();
    let at = |x: u32, y: u32| picture.get_pixel(width * x / 4, height * y / 4).0;
    [at(1, 1), at(3, 1), at(1, 3), at(3, 3)].iter().zip(colors).all(|(found, color)| near(*found, color))
}

pub(crate) fn near(found: [u8; 3], color: [u8; 3]) -> bool {
    found.iter().zip(color).all(|(found, color)| found.abs_diff(color) <= 24)
}
