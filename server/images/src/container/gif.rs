//! GIF (89a): a screen, then extensions and frames, each in blocks of at most 255 bytes.

use super::{Bytes, Cost, Header, Stop};
use crate::format::Source;

pub(super) fn header(all: &[u8]) -> Result<Header, Stop> {
    let mut bytes = Bytes::new(all);
    bytes.take(6)?;
    let (width, height) = (bytes.le16()?, bytes.le16()?);
    Ok(Header {
        format: Source::Gif,
        width: u32::from(width),
        height: u32::from(height),
        orientation: crate::Orientation::default(),
        has_gps: false,
        frames: None,
        // The screen, and a frame that doesn't fill it.
        cost: Cost { decoding: 8, decoded: 4, alpha: true },
    })
}

pub(crate) enum Part {
    /// The screen with its colours, a frame, or what belongs to one.
    Picture,
    Comment,
    /// With its identifier.
    Application([u8; 11]),
    End,
}

/// The next part of the file; the first one is the screen.
pub(crate) fn part(bytes: &mut Bytes<'_>) -> Result<Part, Stop> {
    if bytes.at() == 0 {
        bytes.take(10)?;
        skip_colors(bytes)?;
        return Ok(Part::Picture);
    }
    match bytes.u8()? {
        0x2C => {
            bytes.take(8)?;
            skip_frame_colors(bytes)?;
            bytes.u8()?;
            skip_blocks(bytes)?;
            Ok(Part::Picture)
        }
        0x21 => extension(bytes),
        0x3B => Ok(Part::End),
        _ => Err(Stop::Broken("no part where one has to be")),
    }
}

fn extension(bytes: &mut Bytes<'_>) -> Result<Part, Stop> {
    let part = match bytes.u8()? {
        0xFE => Part::Comment,
        0xFF => {
            let mut ahead = bytes.clone();
            if ahead.u8()? == 11 { Part::Application(ahead.array()?) } else { Part::Comment }
        }
        _ => Part::Picture,
    };
    skip_blocks(bytes)?;
    Ok(part)
}

/// The screen's flags, background and aspect, and its colours.
fn skip_colors(bytes: &mut Bytes<'_>) -> Result<(), Stop> {
    let flags = bytes.u8()?;
    bytes.take(2)?;
    skip_table(bytes, flags)
}

fn skip_frame_colors(bytes: &mut Bytes<'_>) -> Result<(), Stop> {
    let flags = bytes.u8()?;
    skip_table(bytes, flags)
}

fn skip_table(bytes: &mut Bytes<'_>, flags: u8) -> Result<(), Stop> {
    if flags & 0x80 != 0 {
        bytes.take(3 << ((flags & 7) + 1))?;
    }
    Ok(())
}

fn skip_blocks(bytes: &mut Bytes<'_>) -> Result<(), Stop> {
    loop {
        match bytes.u8()? {
            0 => return Ok(()),
            length => bytes.take(usize::from(length))?,
        };
    }
}
