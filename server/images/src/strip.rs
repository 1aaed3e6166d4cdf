//! What stands beside the pixels goes, and the pixels stay as they are, bit for bit.
//!
//! Kept is what is needed to show the picture as it was meant: its frames, its colours, and, where it isn't stored
//! upright, how it is turned. All else goes: EXIF with its GPS and thumbnail, XMP, IPTC, comments, what isn't known, and
//! what was appended behind the end (further pictures and films of phones, with EXIF of their own).

use basalt_core::Result;

use crate::container::{Bytes, Header, Stop, exif, gif, inspect, jpeg, png, webp};
use crate::format::Source;
use crate::limits::bad_image;
use crate::orientation::Orientation;

/// `bad_image` for what is no picture or is broken; nothing is decoded.
pub fn strip(source: &[u8]) -> Result<Vec<u8>> {
    let header = inspect(source)?;
    let turned = (header.orientation != Orientation::Upright).then_some(header.orientation);
    let mut out = Vec::with_capacity(source.len());
    let stripped = match header.format {
        Source::Jpeg => strip_jpeg(source, turned, &mut out),
        Source::Png => strip_png(source, turned, &mut out),
        Source::Webp => strip_webp(source, &header, turned, &mut out),
        Source::Gif => strip_gif(source, &mut out),
    };
    stripped.map_err(|stop| bad_image(format!("{stop:?}")))?;
    Ok(out)
}

fn strip_jpeg(source: &[u8], turned: Option<Orientation>, out: &mut Vec<u8>) -> Result<(), Stop> {
    let mut bytes = Bytes::new(source);
    let mut turned = turned;
    while !bytes.done() {
        let segment = jpeg::segment(&mut bytes)?;
        let kept = match segment.marker {
            jpeg::APP0 => segment.payload.starts_with(b"JFIF\0"),
            jpeg::APP2 => segment.payload.starts_with(b"ICC_PROFILE\0"),
            // Says how the colours are coded.
            jpeg::APP14 => segment.payload.starts_with(b"Adobe"),
            jpeg::APP1..=jpeg::APP15 | jpeg::COM => false,
            _ => true,
        };
        // JFIF wants to be the first.
        if !matches!(segment.marker, jpeg::SOI | jpeg::APP0)
            && let Some(orientation) = turned.take()
        {
            let block = exif::minimal(orientation);
            out.extend_from_slice(&[0xFF, jpeg::APP1, 0, 2 + 6 + 26]);
            out.extend_from_slice(jpeg::EXIF);
            out.extend_from_slice(&block);
        }
        if kept {
            out.extend_from_slice(segment.raw);
        }
        match segment.marker {
            jpeg::EOI => break,
            jpeg::SOS => {
                let start = bytes.at();
                jpeg::skip_scan(&mut bytes);
                out.extend_from_slice(bytes.since(start));
            }
            _ => {}
        }
    }
    Ok(())
}

fn strip_png(source: &[u8], turned: Option<Orientation>, out: &mut Vec<u8>) -> Result<(), Stop> {
    let mut bytes = Bytes::new(source);
    out.extend_from_slice(bytes.take(png::SIGNATURE.len())?);
    loop {
        let chunk = png::chunk(&mut bytes)?;
        let kept = matches!(
            &chunk.kind,
            b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" | b"tRNS" | b"acTL" | b"fcTL" | b"fdAT" |
            // How the colours are meant.
            b"cHRM" | b"gAMA" | b"iCCP" | b"sBIT" | b"sRGB" | b"cICP" | b"mDCV" | b"cLLI" | b"bKGD" | b"pHYs"
        );
        if kept {
            out.extend_from_slice(chunk.raw);
        }
        match (&chunk.kind, turned) {
            (b"IEND", _) => return Ok(()),
            (b"IHDR", Some(orientation)) => {
                let block = exif::minimal(orientation);
                out.extend_from_slice(&26_u32.to_be_bytes());
                out.extend_from_slice(b"eXIf");
                out.extend_from_slice(&block);
                out.extend_from_slice(&png::crc(&[b"eXIf", &block]).to_be_bytes());
            }
            _ => {}
        }
    }
}

fn strip_webp(source: &[u8], header: &Header, turned: Option<Orientation>, out: &mut Vec<u8>) -> Result<(), Stop> {
    let mut bytes = Bytes::new(source);
    out.extend_from_slice(bytes.take(12)?);
    while !bytes.done() {
        // What follows a whole picture and is no chunk was appended.
        let Ok(chunk) = webp::chunk(&mut bytes) else { break };
        match &chunk.kind {
            b"VP8X" => {
                let start = out.len();
                put_chunk(out, chunk.raw);
                let flags = out.get_mut(start + 8).ok_or(Stop::Broken("an extended header is cut"))?;
                *flags &= !(webp::FLAG_EXIF | webp::FLAG_XMP);
                if turned.is_some() {
                    *flags |= webp::FLAG_EXIF;
                }
            }
            b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ANMF" | b"ICCP" => put_chunk(out, chunk.raw),
            _ => {}
        }
    }
    if out.len() <= 20 || header.frames.is_none() && !out.windows(4).any(|window| window == b"ANMF") {
        return Err(Stop::Broken("no picture in it"));
    }
    if let Some(orientation) = turned {
        out.extend_from_slice(b"EXIF");
        out.extend_from_slice(&26_u32.to_le_bytes());
        out.extend_from_slice(&exif::minimal(orientation));
    }
    let length = u32::try_from(out.len() - 8).map_err(|_| Stop::Broken("too long for RIFF"))?;
    out.get_mut(4..8).ok_or(Stop::Broken("no RIFF"))?.copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn put_chunk(out: &mut Vec<u8>, raw: &[u8]) {
    out.extend_from_slice(raw);
    if raw.len() % 2 == 1 {
        out.push(0);
    }
}

fn strip_gif(source: &[u8], out: &mut Vec<u8>) -> Result<(), Stop> {
    let mut bytes = Bytes::new(source);
    loop {
        let start = bytes.at();
        let part = gif::part(&mut bytes)?;
        let kept = match &part {
            gif::Part::Picture | gif::Part::End => true,
            gif::Part::Comment => false,
            gif::Part::Application(name) => matches!(name, b"NETSCAPE2.0" | b"ANIMEXTS1.0" | b"ICCRGBG1012"),
        };
        if kept {
            out.extend_from_slice(bytes.since(start));
        }
        if matches!(part, gif::Part::End) {
            return Ok(());
        }
    }
}
