//! Colours as they were meant: from the profile that a picture brings to sRGB.

use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Eight bits a channel, with or without transparency.
#[derive(Debug)]
pub(crate) enum Pixels {
    Opaque(RgbImage),
    Clear(RgbaImage),
}

impl Pixels {
    pub(crate) fn size(&self) -> (u32, u32) {
        match self {
            Self::Opaque(picture) => picture.dimensions(),
            Self::Clear(picture) => picture.dimensions(),
        }
    }

    /// Leaves the pixels as they are where the profile isn't one of RGB, or broken.
    pub(crate) fn convert_to_srgb(&mut self, profile: &[u8]) {
        let Ok(source) = ColorProfile::new_from_slice(profile) else { return };
        if source.color_space != DataColorSpace::Rgb {
            return;
        }
        let (pixels, layout): (&mut [u8], _) = match self {
            Self::Opaque(picture) => (picture, Layout::Rgb),
            Self::Clear(picture) => (picture, Layout::Rgba),
        };
        let srgb = ColorProfile::new_srgb();
        let converted = source.create_transform_8bit(layout, &srgb, layout, TransformOptions::default());
        let mut out = vec![0; pixels.len()];
        if converted.is_ok_and(|transform| transform.transform(pixels, &mut out).is_ok()) {
            pixels.copy_from_slice(&out);
        }
    }

    /// On white, where there is anything to be seen through.
    pub(crate) fn flattened(self) -> RgbImage {
        let picture = match self {
            Self::Opaque(picture) => return picture,
            Self::Clear(picture) => picture,
        };
        RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
            let Rgba([red, green, blue, alpha]) = *picture.get_pixel(x, y);
            Rgb([red, green, blue].map(|channel| over_white(channel, alpha)))
        })
    }

    /// A picture that could be seen through and nowhere is takes less without.
    pub(crate) fn simplified(self) -> Self {
        match self {
            Self::Clear(picture) if picture.pixels().all(|pixel| pixel[3] == u8::MAX) => {
                Self::Opaque(DynamicImage::ImageRgba8(picture).into_rgb8())
            }
            pixels => pixels,
        }
    }

    /// In the middle of a canvas that is transparent.
    pub(crate) fn on_canvas(self, (width, height): (u32, u32)) -> Self {
        if self.size() == (width, height) {
            return self;
        }
        let picture = match self {
            Self::Opaque(picture) => DynamicImage::ImageRgb8(picture).into_rgba8(),
            Self::Clear(picture) => picture,
        };
        let (left, top) = ((width - picture.width().min(width)) / 2, (height - picture.height().min(height)) / 2);
        let mut canvas = RgbaImage::new(width, height);
        image::imageops::replace(&mut canvas, &picture, i64::from(left), i64::from(top));
        Self::Clear(canvas)
    }
}

impl From<DynamicImage> for Pixels {
    fn from(picture: DynamicImage) -> Self {
        if picture.color().has_alpha() { Self::Clear(picture.into_rgba8()) } else { Self::Opaque(picture.into_rgb8()) }
    }
}

fn over_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u32::from(channel), u32::from(alpha));
    u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}
