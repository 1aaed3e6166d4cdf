//! The two things of EXIF that matter here: how the picture is turned, and whether it tells where it was taken.
//!
//! EXIF is a TIFF file without pixels (CIPA DC-008): its first directory has the orientation and points to the GPS one.

use super::{Bytes, Stop};
use crate::orientation::Orientation;

const ORIENTATION: u16 = 0x0112;
const GPS: u16 = 0x8825;
const SHORT: u16 = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exif {
    pub(crate) orientation: Orientation,
    pub(crate) gps: bool,
}

/// What a broken block doesn't say is taken for not said, as viewers do.
pub(crate) fn read(block: &[u8]) -> Exif {
    // Some writers of WebP and PNG put JPEG's prefix before it.
    let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let mut exif = Exif::default();
    let _ = read_directory(tiff, &mut exif);
    exif
}

fn read_directory(tiff: &[u8], exif: &mut Exif) -> Result<(), Stop> {
    let mut bytes = Bytes::new(tiff);
    let big = match bytes.array()? {
        [b'I', b'I', 42, 0] => false,
        [b'M', b'M', 0, 42] => true,
        _ => return Err(Stop::Broken("no TIFF header")),
    };
    let short = |bytes: &mut Bytes<'_>| if big { bytes.be16() } else { bytes.le16() };
    let long = |bytes: &mut Bytes<'_>| if big { bytes.be32() } else { bytes.le32() };
    let offset = long(&mut bytes)?;
    let mut bytes = Bytes::new(tiff);
    bytes.skip(offset as usize);
    for _ in 0..short(&mut bytes)? {
        let (tag, kind, count) = (short(&mut bytes)?, short(&mut bytes)?, long(&mut bytes)?);
        let (value, _) = (short(&mut bytes)?, short(&mut bytes)?);
        match tag {
            ORIENTATION if kind == SHORT && count == 1 => {
                exif.orientation = Orientation::from_exif(value).unwrap_or_default();
            }
            GPS => exif.gps = true,
            _ => {}
        }
    }
    Ok(())
}

/// Whether XMP (which is XML) has a place among its EXIF properties.
pub(crate) fn xmp_has_gps(xmp: &[u8]) -> bool {
    let mark = b"exif:GPS";
    xmp.windows(mark.len()).any(|window| window == mark)
}

/// A TIFF block that says how the picture is turned, and nothing else.
pub(crate) fn minimal(orientation: Orientation) -> Vec<u8> {
    let mut block = Vec::with_capacity(26);
    block.extend_from_slice(b"MM\0\x2A\0\0\0\x08\0\x01");
    block.extend_from_slice(&ORIENTATION.to_be_bytes());
    block.extend_from_slice(&SHORT.to_be_bytes());
    block.extend_from_slice(&1_u32.to_be_bytes());
    block.extend_from_slice(&orientation.to_exif().to_be_bytes());
    block.extend_from_slice(&[0; 6]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimal_block_is_read_back() {
        for value in 1..=8 {
            let orientation = Orientation::from_exif(value).unwrap();
            assert_eq!(read(&minimal(orientation)), Exif { orientation, gps: false });
        }
    }

    #[test]
    fn what_is_broken_says_nothing() {
        assert_eq!(read(b""), Exif::default());
        assert_eq!(read(b"II*\0\xFF\xFF\xFF\xFF"), Exif::default());
        assert_eq!(read(b"MM\0\x2A\0\0\0\x08\xFF\xFF"), Exif::default());
    }
}
