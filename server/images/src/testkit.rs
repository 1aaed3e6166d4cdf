//! Pictures for tests.

use basalt_core::{Error, Result};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

/// What is said of the place where [`jpeg`]'s picture was taken.
pub const PLACE: &[u8] = b"SECRETPLACE";

/// Red above, blue below.
pub fn png(width: u32, height: u32) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    write(PngEncoder::new(&mut out), &two_halves(width, height))?;
    Ok(out)
}

/// The same, lying on its left side (EXIF says so), taken at a place that EXIF tells.
pub fn jpeg(width: u32, height: u32) -> Result<Vec<u8>> {
    let upright = two_halves(width, height);
    // Of orientation 6 the first row is the right side.
    let stored = RgbImage::from_fn(height, width, |column, row| *upright.get_pixel(width - 1 - row, column));
    let mut exif =
        b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x25\x88\x04\0\x01\0\0\0\x26\0\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(b"\x01\0\x01\0\x02\0\x02\0\0\0N\0\0\0\0\0\0\0");
    exif.extend_from_slice(PLACE);
    let mut out = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut out, 90);
    encoder.set_exif_metadata(exif).map_err(Error::internal)?;
    write(encoder, &stored)?;
    Ok(out)
}

/// As hard to decode as a photograph: slopes, edges and grain.
pub fn photo(width: u32, height: u32) -> Result<Vec<u8>> {
    let grain = |x: u32, y: u32| x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b) ^ (x * y);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let noise = (grain(x, y) >> 13) % 24;
        let edge = ((x / 37) ^ (y / 53)) % 5 * 20;
        let channel = |slope: u32| u8::try_from((slope + edge + noise).min(255)).unwrap_or(u8::MAX);
        Rgb([channel(x * 120 / width), channel(y * 120 / height), channel((x + y) * 60 / (width + height))])
    });
    let mut out = Vec::new();
    write(JpegEncoder::new_with_quality(&mut out, 90), &picture)?;
    Ok(out)
}

/// Width, height, and the colours of the middles of the upper and the lower half.
pub fn halves(picture: &[u8]) -> Result<(u32, u32, [[u8; 3]; 2])> {
    let picture = image::load_from_memory(picture).map_err(Error::internal)?.into_rgb8();
    let (width, height) = picture.dimensions();
    let at = |y: u32| picture.get_pixel(width / 2, y).0;
    Ok((width, height, [at(height / 4), at(height * 3 / 4)]))
}

fn two_halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |_, y| if y < height / 2 { Rgb([220, 20, 30]) } else { Rgb([20, 30, 210]) })
}

fn write(encoder: impl ImageEncoder, picture: &RgbImage) -> Result<()> {
    encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).map_err(Error::internal)
}
