//! JPEG (ITU T.81): markers, most with a segment of a stated length; entropy-coded data after each start of scan.

use super::exif::{self, Exif};
use super::{Bytes, Cost, Header, Stop};
use crate::format::Source;

pub(crate) const SOI: u8 = 0xD8;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const APP0: u8 = 0xE0;
pub(crate) const APP1: u8 = 0xE1;
pub(crate) const APP2: u8 = 0xE2;
pub(crate) const APP14: u8 = 0xEE;
pub(crate) const APP15: u8 = 0xEF;
pub(crate) const COM: u8 = 0xFE;

pub(crate) const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    /// Without the marker and the length.
    pub(crate) payload: &'a [u8],
    pub(crate) raw: &'a [u8],
}

pub(crate) fn segment<'a>(bytes: &mut Bytes<'a>) -> Result<Segment<'a>, Stop> {
    let start = bytes.at();
    if bytes.u8()? != 0xFF {
        return Err(Stop::Broken("no marker where one has to be"));
    }
    let mut marker = bytes.u8()?;
    while marker == 0xFF {
        marker = bytes.u8()?;
    }
    let payload: &[u8] = match marker {
        0x01 | 0xD0..=EOI => &[],
        _ => {
            let length = usize::from(bytes.be16()?);
            bytes.take(length.checked_sub(2).ok_or(Stop::Broken("a segment is shorter than its length"))?)?
        }
    };
    Ok(Segment { marker, payload, raw: bytes.since(start) })
}

/// Steps to the marker that ends a scan's data, or to the end of the file.
pub(crate) fn skip_scan(bytes: &mut Bytes<'_>) {
    loop {
        let before = bytes.clone();
        match (bytes.u8(), bytes.clone().u8()) {
            // A stuffed zero, and the marks of a restart, belong to the data.
            (Ok(0xFF), Ok(next)) if next != 0 && next != 0xFF && !(0xD0..=0xD7).contains(&next) => {
                *bytes = before;
                return;
            }
            (Ok(_), _) => {}
            (Err(_), _) => return,
        }
    }
}

/// Reads to the first scan, which all that matters stands before.
pub(super) fn header(all: &[u8]) -> Result<Header, Stop> {
    let mut bytes = Bytes::new(all);
    let mut frame = None;
    let mut found = Exif::default();
    loop {
        let segment = segment(&mut bytes)?;
        match segment.marker {
            APP1 => read_app1(segment.payload, &mut found),
            0xC0..=0xCF if !matches!(segment.marker, 0xC4 | 0xC8 | 0xCC) && frame.is_none() => {
                frame = Some(read_frame(&segment)?);
            }
            SOS | EOI => break,
            _ => {}
        }
    }
    let (width, height, decoding) = frame.ok_or(Stop::Broken("a scan without a frame"))?;
    Ok(Header {
        format: Source::Jpeg,
        width,
        height,
        orientation: found.orientation,
        has_gps: found.gps,
        frames: Some(1),
        cost: Cost { decoding, decoded: 4, alpha: false },
    })
}

fn read_app1(payload: &[u8], found: &mut Exif) {
    if let Some(block) = payload.strip_prefix(EXIF) {
        let exif = exif::read(block);
        found.orientation = exif.orientation;
        found.gps |= exif.gps;
    } else if let Some(xmp) = payload.strip_prefix(XMP) {
        found.gps |= exif::xmp_has_gps(xmp);
    }
}

/// Width, height, and bytes for a pixel while it is decoded: a progressive picture's coefficients (2 bytes each) are all kept to its end.
fn read_frame(segment: &Segment<'_>) -> Result<(u32, u32, u64), Stop> {
    let mut bytes = Bytes::new(segment.payload);
    let mut read = || {
        let _precision = bytes.u8()?;
        let (height, width) = (bytes.be16()?, bytes.be16()?);
        Ok((u32::from(width), u32::from(height), u64::from(bytes.u8()?)))
    };
    let (width, height, components) = read().map_err(|_: Stop| Stop::Broken("a frame's header is cut"))?;
    let progressive = matches!(segment.marker, 0xC2 | 0xC6 | 0xCA | 0xCE);
    let coefficients = if progressive { components.min(4) * 2 } else { 0 };
    Ok((width, height, 4 + coefficients))
}
