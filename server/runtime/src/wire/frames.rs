//! Frames: two lengths (little endian), the head, the body.

use bytes::{Buf, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

const LENGTHS: usize = 8;
/// Operations, exports and refusals are in heads.
const HEAD_BYTES: usize = 4 << 20;
/// A function's memory is the tighter limit; this one is against nonsense.
const BODY_BYTES: usize = 512 << 20;

/// Appends a frame.
pub(crate) fn push<T: Serialize>(out: &mut Vec<u8>, head: &T, body: &[&[u8]]) -> std::io::Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTHS]);
    serde_json::to_writer(&mut *out, head)?;
    let head_length = length(out.len() - start - LENGTHS)?;
    let body_length = length(body.iter().map(|part| part.len()).sum())?;
    out[start..start + 4].copy_from_slice(&head_length.to_le_bytes());
    out[start + 4..start + LENGTHS].copy_from_slice(&body_length.to_le_bytes());
    for part in body {
        out.extend_from_slice(part);
    }
    Ok(())
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn length(bytes: usize) -> std::io::Result<u32> {
    u32::try_from(bytes).map_err(|_| std::io::Error::other("a frame is too long"))
}

/// Bytes as they come in, cut into frames.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) buffer: BytesMut,
}

impl Frames {
    /// The next whole frame. A body shares the buffer that it came in.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> std::io::Result<Option<(T, Bytes)>> {
        let Some(lengths) = self.buffer.first_chunk::<LENGTHS>() else { return Ok(None) };
        let (head, body) = (number(&lengths[..4]), number(&lengths[4..]));
        if head > HEAD_BYTES || body > BODY_BYTES {
            return Err(std::io::Error::other("a frame is too long"));
        }
        let whole = LENGTHS + head + body;
        if self.buffer.len() < whole {
            self.buffer.reserve(whole - self.buffer.len());
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(whole);
        frame.advance(LENGTHS);
        let head = frame.split_to(head);
        Ok(Some((serde_json::from_slice(&head)?, frame.freeze())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_wherever_the_bytes_were_broken() {
        let mut bytes = Vec::new();
        push(&mut bytes, &"first", &[b"one", b"two"]).unwrap();
        push(&mut bytes, &"second", &[]).unwrap();
        let mut frames = Frames::default();
        let mut seen = Vec::new();
        for byte in bytes {
            frames.buffer.extend_from_slice(&[byte]);
            seen.extend(frames.next::<String>().unwrap());
        }
        let expected = [("first".to_owned(), Bytes::from("onetwo")), ("second".to_owned(), Bytes::new())];
        assert_eq!(seen, expected);
    }

    #[test]
    fn nonsense_is_refused_before_it_is_awaited() {
        let mut frames = Frames::default();
        frames.buffer.extend_from_slice(&[0xff; 8]);
        assert!(frames.next::<String>().is_err());
    }
}
