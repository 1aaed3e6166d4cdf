//! From pixels to a file, with nothing in it but them.

use basalt_core::{Error, Result};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::color::Pixels;
use crate::format::Format;

/// What nobody says otherwise: hardly to be told from the original.
const QUALITY: u8 = 80;

pub(crate) fn encode(pixels: Pixels, format: Format, quality: Option<u8>) -> Result<Vec<u8>> {
    let quality = quality.unwrap_or(QUALITY);
    match format {
        Format::Webp => webp(&pixels, quality),
        Format::Png => png(&pixels),
        Format::Jpeg => {
            let picture = pixels.flattened();
            let mut out = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut out, quality);
            let (width, height) = picture.dimensions();
            encoder.write_image(&picture, width, height, ExtendedColorType::Rgb8).map_err(Error::internal)?;
            Ok(out)
        }
        Format::Avif => avif(&pixels, quality),
    }
}

/// Lossy, by libwebp.
fn webp(pixels: &Pixels, quality: u8) -> Result<Vec<u8>> {
    let (width, height) = pixels.size();
    let encoder = match pixels {
        Pixels::Opaque(picture) => webp::Encoder::from_rgb(picture, width, height),
        Pixels::Clear(picture) => webp::Encoder::from_rgba(picture, width, height),
    };
    let memory = encoder.encode_simple(false, f32::from(quality));
    memory.map(|memory| memory.to_vec()).map_err(|error| Error::internal(format!("libwebp: {error:?}")))
}

fn png(pixels: &Pixels) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    write(PngEncoder::new(&mut out), pixels)?;
    Ok(out)
}

#[cfg(feature = "avif")]
fn avif(pixels: &Pixels, quality: u8) -> Result<Vec<u8>> {
    /// Of 1 (slow, small) to 10.
    const SPEED: u8 = 8;
    let mut out = Vec::new();
    write(image::codecs::avif::AvifEncoder::new_with_speed_quality(&mut out, SPEED, quality), pixels)?;
    Ok(out)
}

#[cfg(not(feature = "avif"))]
fn avif(_: &Pixels, _: u8) -> Result<Vec<u8>> {
    Format::parse("avif").and_then(|_| Err(Error::internal("AVIF without its feature")))
}

fn write(encoder: impl ImageEncoder, pixels: &Pixels) -> Result<()> {
    let (width, height) = pixels.size();
    let written = match pixels {
        Pixels::Opaque(picture) => encoder.write_image(picture, width, height, ExtendedColorType::Rgb8),
        Pixels::Clear(picture) => encoder.write_image(picture, width, height, ExtendedColorType::Rgba8),
    };
    written.map_err(Error::internal)
}
