//! WebP (RFC 9649): RIFF chunks, a single bitstream, or an extended header and what it announces.

use super::exif::{self, Exif};
use super::{Bytes, Cost, Header, Reach, Stop};
use crate::format::Source;

pub(crate) const FLAG_EXIF: u8 = 0x08;
pub(crate) const FLAG_XMP: u8 = 0x04;
const FLAG_ANIMATION: u8 = 0x02;

pub(crate) struct Chunk<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) data: &'a [u8],
    /// With the header, without the byte that pads an odd length.
    pub(crate) raw: &'a [u8],
}

pub(crate) fn chunk<'a>(bytes: &mut Bytes<'a>) -> Result<Chunk<'a>, Stop> {
    let start = bytes.at();
    let kind = bytes.array()?;
    let length = bytes.le32()? as usize;
    let data = bytes.take(length)?;
    let raw = bytes.since(start);
    bytes.skip(length % 2);
    Ok(Chunk { kind, data, raw })
}

pub(super) fn header(all: &[u8], reach: Reach) -> Result<Header, Stop> {
    let mut bytes = Bytes::new(all);
    bytes.take(12)?;
    let kind: [u8; 4] = bytes.clone().array()?;
    let mut header = Header {
        format: Source::Webp,
        width: 0,
        height: 0,
        orientation: crate::Orientation::default(),
        has_gps: false,
        frames: Some(1),
        // RGBA, and beside it YUV or a second buffer.
        cost: Cost { decoding: 7, decoded: 4, alpha: true },
    };
    if &kind != b"VP8X" {
        bytes.skip(8);
        (header.width, header.height) = bitstream(kind, &mut bytes)?;
        return Ok(header);
    }
    bytes.skip(8);
    let flags = bytes.u8()?;
    bytes.skip(3);
    (header.width, header.height) = (bytes.le24()? + 1, bytes.le24()? + 1);
    // Transparency is a picture by itself.
    header.cost.decoding = 11;
    if flags & FLAG_ANIMATION != 0 {
        // A canvas, too.
        (header.frames, header.cost.decoding) = (None, 16);
    }
    if reach == Reach::Whole {
        let exif = walk(all, &header)?;
        (header.orientation, header.has_gps) = (exif.orientation, exif.gps);
    }
    Ok(header)
}

/// All chunks: what is told about the picture, and whether any bitstream is larger than the canvas, which a decoder
/// would make room for before it finds out.
fn walk(all: &[u8], header: &Header) -> Result<Exif, Stop> {
    let mut bytes = Bytes::new(all);
    bytes.take(12)?;
    let mut found = Exif::default();
    while !bytes.done() {
        let Ok(chunk) = chunk(&mut bytes) else { break };
        match &chunk.kind {
            b"EXIF" => {
                let exif = exif::read(chunk.data);
                found = Exif { orientation: exif.orientation, gps: found.gps || exif.gps };
            }
            b"XMP " => found.gps |= exif::xmp_has_gps(chunk.data),
            b"VP8 " | b"VP8L" => within(chunk.kind, chunk.data, header)?,
            b"ANMF" => walk_frame(chunk.data, header)?,
            _ => {}
        }
    }
    Ok(found)
}

fn walk_frame(data: &[u8], header: &Header) -> Result<(), Stop> {
    let mut bytes = Bytes::new(data);
    bytes.skip(16);
    while !bytes.done() {
        let Ok(chunk) = chunk(&mut bytes) else { break };
        if matches!(&chunk.kind, b"VP8 " | b"VP8L") {
            within(chunk.kind, chunk.data, header)?;
        }
    }
    Ok(())
}

fn within(kind: [u8; 4], data: &[u8], header: &Header) -> Result<(), Stop> {
    let (width, height) = bitstream(kind, &mut Bytes::new(data)).map_err(|_| Stop::Broken("a bitstream is cut"))?;
    if width > header.width || height > header.height {
        return Err(Stop::Broken("a frame is larger than the canvas"));
    }
    Ok(())
}

fn bitstream(kind: [u8; 4], bytes: &mut Bytes<'_>) -> Result<(u32, u32), Stop> {
    match &kind {
        b"VP8 " => {
            let frame = bytes.le24()?;
            if frame & 1 != 0 || bytes.array()? != [0x9D, 0x01, 0x2A] {
                return Err(Stop::Broken("no key frame"));
            }
            Ok((u32::from(bytes.le16()? & 0x3FFF), u32::from(bytes.le16()? & 0x3FFF)))
        }
        b"VP8L" => {
            if bytes.u8()? != 0x2F {
                return Err(Stop::Broken("no lossless signature"));
            }
            let packed = bytes.le32()?;
            Ok(((packed & 0x3FFF) + 1, ((packed >> 14) & 0x3FFF) + 1))
        }
        _ => Err(Stop::Broken("no bitstream where one has to be")),
    }
}
