//! Streams of documents made smaller, and back. Neither way holds more than a little of a stream.

use std::collections::VecDeque;
use std::io::Write as _;

use basalt_core::{Code, Error, Result};
use flate2::Compression;
use flate2::write::{GzEncoder, MultiGzDecoder};

/// Compressed bytes that are looked at in one go: at most about a thousand times as many come of them.
const STEP: usize = 1 << 10;

/// Makes a stream smaller as it goes out.
pub struct Zip(GzEncoder<Vec<u8>>);

/// Makes a stream whole again as it comes in, a step at a time: what is made to grow without end costs time, and no
/// memory.
pub struct Unzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    fed: VecDeque<u8>,
    began: bool,
}

impl Default for Zip {
    fn default() -> Self {
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }
}

impl Zip {
    /// Whoever has read what comes of a piece can make all of the piece of it.
    pub fn take(&mut self, piece: &[u8]) -> Result<Vec<u8>> {
        self.0.write_all(piece).and_then(|()| self.0.flush()).map_err(Error::internal)?;
        Ok(std::mem::take(self.0.get_mut()))
    }

    /// The end: without it the stream isn't whole.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.0.finish().map_err(Error::internal)
    }
}

impl Default for Unzip {
    fn default() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), fed: VecDeque::new(), began: false }
    }
}

impl Unzip {
    /// To be called when [`Unzip::pull`] has nothing more.
    pub fn feed(&mut self, piece: &[u8]) {
        self.fed.extend(piece);
    }

    /// The next bytes; none until more is fed.
    pub fn pull(&mut self) -> Result<Option<Vec<u8>>> {
        while !self.fed.is_empty() {
            let step: Vec<u8> = self.fed.drain(..STEP.min(self.fed.len())).collect();
            self.began = true;
            self.decoder.write_all(&step).and_then(|()| self.decoder.flush()).map_err(broken)?;
            let bytes = std::mem::take(self.decoder.get_mut());
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// What is left; an error where the stream isn't whole.
    pub fn finish(&mut self) -> Result<Vec<u8>> {
        if self.began {
            self.decoder.try_finish().map_err(broken)?;
        }
        Ok(std::mem::take(self.decoder.get_mut()))
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::new(Code::BadRequest, "The body is no gzip, or not all of it.").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zipped(pieces: &[&[u8]]) -> Vec<u8> {
        let mut zip = Zip::default();
        let mut all: Vec<u8> = pieces.iter().flat_map(|piece| zip.take(piece).unwrap()).collect();
        all.extend(zip.finish().unwrap());
        all
    }

    fn unzipped(pieces: &[&[u8]]) -> Result<Vec<u8>> {
        let mut unzip = Unzip::default();
        let mut all = Vec::new();
        for piece in pieces {
            unzip.feed(piece);
            while let Some(bytes) = unzip.pull()? {
                assert!(bytes.len() <= 2 << 20, "{} at once", bytes.len());
                all.extend(bytes);
            }
        }
        all.extend(unzip.finish()?);
        Ok(all)
    }

    #[test]
    fn what_was_made_smaller_comes_out_as_it_was() {
        let text: Vec<u8> =
            (0..200_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).collect();
        let small = zipped(&[&text[..100], &text[100..], b""]);
        assert_eq!(unzipped(&[&small]).unwrap(), text);
        for at in [0, 1, 5, 11, 1_000, small.len() - 9, small.len() - 1] {
            assert_eq!(unzipped(&[&small[..at], &small[at..]]).unwrap(), text, "{at}");
        }
        // Files that were put together of several.
        assert_eq!(unzipped(&[&zipped(&[b"a\n"]), &zipped(&[b"b\n"])]).unwrap(), b"a\nb\n");
        assert_eq!(unzipped(&[]).unwrap(), b"");
    }

    #[test]
    fn what_grows_a_thousandfold_comes_a_little_at_a_time() {
        let zeros = vec![0; 64 << 20];
        let small = zipped(&[&zeros]);
        assert!(small.len() < 400_000, "{}", small.len());
        assert_eq!(unzipped(&[&small]).unwrap().len(), zeros.len());
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_an_error() {
        let small = zipped(&[b"{\"id\":\"a\"}\n"]);
        for at in [1, 9, small.len() - 8, small.len() - 1] {
            assert_eq!(unzipped(&[&small[..at]]).unwrap_err().code(), Code::BadRequest, "{at}");
        }
        let mut odd = small.clone();
        odd[15] ^= 0x55;
        for odd in [&odd[..], b"{\"id\":\"a\"}\n", &[&small[..], b"and more"].concat()] {
            assert_eq!(unzipped(&[odd]).unwrap_err().code(), Code::BadRequest);
        }
    }
}
