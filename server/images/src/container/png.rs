//! PNG (ISO/IEC 15948): a signature, then chunks with length, kind, data and CRC.

use super::exif::{self, Exif};
use super::{Bytes, Cost, Header, Reach, Stop};
use crate::format::Source;

pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

pub(crate) struct Chunk<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) data: &'a [u8],
    pub(crate) raw: &'a [u8],
}

pub(crate) fn chunk<'a>(bytes: &mut Bytes<'a>) -> Result<Chunk<'a>, Stop> {
    let start = bytes.at();
    let length = bytes.be32()? as usize;
    let kind = bytes.array()?;
    let data = bytes.take(length)?;
    bytes.take(4)?;
    Ok(Chunk { kind, data, raw: bytes.since(start) })
}

/// Reads to the pixels, or to the end where the whole file is there.
pub(super) fn header(all: &[u8], reach: Reach) -> Result<Header, Stop> {
    let mut bytes = Bytes::new(all);
    bytes.take(SIGNATURE.len())?;
    let first = chunk(&mut bytes)?;
    if &first.kind != b"IHDR" {
        return Err(Stop::Broken("no IHDR at the start"));
    }
    let mut header = read_ihdr(first.data)?;
    let mut found = Exif::default();
    loop {
        // Of a piece, only what it is: the pixels may be beyond what is at hand, and after them a cut file is read as far as it goes.
        let kind: [u8; 4] = match peek(&bytes) {
            Ok(kind) => kind,
            Err(_) if reach == Reach::Whole => break,
            Err(stop) => return Err(stop),
        };
        match &kind {
            b"IDAT" if reach == Reach::Head => break,
            b"IEND" => break,
            _ => {}
        }
        let chunk = match chunk(&mut bytes) {
            Ok(chunk) => chunk,
            Err(_) if reach == Reach::Whole => break,
            Err(stop) => return Err(stop),
        };
        match &chunk.kind {
            b"eXIf" => {
                let exif = exif::read(chunk.data);
                found = Exif { orientation: exif.orientation, gps: found.gps || exif.gps };
            }
            b"iTXt" if chunk.data.starts_with(b"XML:com.adobe.xmp") => found.gps |= exif::xmp_has_gps(chunk.data),
            b"tRNS" => header.cost.alpha = true,
            b"acTL" => header.frames = Bytes::new(chunk.data).be32().ok(),
            _ => {}
        }
    }
    (header.orientation, header.has_gps) = (found.orientation, found.gps);
    Ok(header)
}

fn peek(bytes: &Bytes<'_>) -> Result<[u8; 4], Stop> {
    let mut ahead = bytes.clone();
    ahead.be32()?;
    ahead.array()
}

fn read_ihdr(data: &[u8]) -> Result<Header, Stop> {
    let mut bytes = Bytes::new(data);
    let mut read = || Ok((bytes.be32()?, bytes.be32()?, bytes.u8()?, bytes.u8()?));
    let (width, height, depth, color) = read().map_err(|_: Stop| Stop::Broken("IHDR is cut"))?;
    let decoded = if depth > 8 { 8 } else { 4 };
    Ok(Header {
        format: Source::Png,
        width,
        height,
        orientation: crate::Orientation::default(),
        has_gps: false,
        frames: Some(1),
        // Grey and colours without transparency may still name one colour that is transparent.
        cost: Cost { decoding: decoded, decoded, alpha: !matches!(color, 0 | 2) },
    })
}

/// The checksum that ends a chunk (ISO 3309), over its kind and its data.
pub(crate) fn crc(pieces: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in pieces.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        assert_eq!(super::crc(&[b"1234", b"56789"]), 0xCBF4_3926);
        assert_eq!(super::crc(&[b"IEND"]), 0xAE42_6082);
    }
}
