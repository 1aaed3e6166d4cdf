//! A rendition: decoded, resized, turned upright, in sRGB, encoded.

use basalt_core::{Error, Result};
use fast_image_resize::pixels::{U8, U8x2, U8x3, U8x4};
use fast_image_resize::{FilterType, IntoImageView, IntoImageViewMut, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;

use crate::color::Pixels;
use crate::container::{Header, inspect};
use crate::decode::{Decoded, decode};
use crate::encode::encode;
use crate::fit::Layout;
use crate::limits::Limits;
use crate::strip::strip;
use crate::wanted::Wanted;

/// Bytes for a pixel of the canvas while it is encoded: the pixels twice, and what the encoders make of them.
const ENCODING: u64 = 16;

#[derive(Clone, Debug)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    pub content_type: &'static str,
    pub width: u32,
    pub height: u32,
}

/// Bytes that [`render`] holds at its peak, beside the source.
pub fn render_weight(header: &Header, wanted: &Wanted) -> u64 {
    if wanted.is_strip_only() {
        return 0;
    }
    let layout = Layout::new(header.shown(), wanted);
    header.peak(layout.picture).max(layout.canvas_pixels() * ENCODING)
}

/// The same bytes for the same source and the same wish, on the same kind of machine.
///
/// Of what moves, the first frame. `bad_image` for what is broken or too large, `timeout` when the time is over.
pub fn render(source: &[u8], wanted: &Wanted, limits: &Limits) -> Result<Rendered> {
    limits.check_source(source)?;
    let header = inspect(source)?;
    if wanted.is_strip_only() {
        let (width, height) = header.shown();
        return Ok(Rendered { bytes: strip(source)?, content_type: header.format.content_type(), width, height });
    }
    limits.check(&header)?;
    limits.check_memory(render_weight(&header, wanted))?;
    let layout = Layout::new(header.shown(), wanted);
    let format = wanted.format().unwrap_or_else(|| header.format.rendition());

    limits.check_time()?;
    let decoded = decode(source, &header, limits)?;
    limits.check_time()?;
    let mut pixels = upright(decoded, &header, &layout, FilterType::Lanczos3)?.simplified();
    if format.has_alpha() || matches!(pixels, Pixels::Opaque(_)) {
        pixels = pixels.on_canvas(layout.canvas);
    } else {
        pixels = Pixels::Opaque(pixels.flattened()).on_canvas(layout.canvas);
    }
    limits.check_time()?;
    let bytes = encode(pixels, format, wanted.quality())?;
    let (width, height) = layout.canvas;
    Ok(Rendered { bytes, content_type: format.content_type(), width, height })
}

/// The picture in its size, turned and in sRGB. What is large is gone when this returns.
pub(crate) fn upright(decoded: Decoded, header: &Header, layout: &Layout, filter: FilterType) -> Result<Pixels> {
    let turned = header.orientation;
    let (width, height) = turned.swap(layout.picture);
    let taken = if turned.swaps() { (layout.taken.1, layout.taken.0) } else { layout.taken };
    let mut picture = resized(decoded.picture, taken, (width, height), filter)?;
    turned.apply(&mut picture);
    let mut pixels = Pixels::from(picture);
    if let Some(profile) = decoded.profile {
        pixels.convert_to_srgb(&profile);
    }
    Ok(pixels)
}

fn resized(
    picture: DynamicImage,
    taken: (f64, f64),
    (width, height): (u32, u32),
    filter: FilterType,
) -> Result<DynamicImage> {
    let (whole_width, whole_height) = (f64::from(picture.width()), f64::from(picture.height()));
    if (picture.width(), picture.height()) == (width, height) {
        return Ok(picture);
    }
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(
        (whole_width - taken.0) / 2.0,
        (whole_height - taken.1) / 2.0,
        taken.0,
        taken.1,
    );
    let picture = shallow(picture);
    let mut out = DynamicImage::new(width, height, picture.color());
    match &picture {
        DynamicImage::ImageLuma8(_) => convolve::<U8>(&picture, &mut out, &options)?,
        DynamicImage::ImageLumaA8(_) => convolve::<U8x2>(&picture, &mut out, &options)?,
        DynamicImage::ImageRgb8(_) => convolve::<U8x3>(&picture, &mut out, &options)?,
        _ => convolve::<U8x4>(&picture, &mut out, &options)?,
    }
    Ok(out)
}

/// Eight bits a channel, as all renditions have: resizing more would take its kernels for each kind of pixel.
fn shallow(picture: DynamicImage) -> DynamicImage {
    match picture {
        DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageRgb8(_)
        | DynamicImage::ImageRgba8(_) => picture,
        DynamicImage::ImageLuma16(_) => picture.into_luma8().into(),
        deep if deep.color().has_alpha() => deep.into_rgba8().into(),
        deep => deep.into_rgb8().into(),
    }
}

fn convolve<P: PixelTrait>(from: &DynamicImage, to: &mut DynamicImage, options: &ResizeOptions) -> Result<()> {
    let (Some(from), Some(mut to)) = (from.image_view::<P>(), to.image_view_mut::<P>()) else {
        return Err(Error::internal("a picture of another kind of pixel"));
    };
    Resizer::new().resize_typed(&from, &mut to, options).map_err(Error::internal)
}
