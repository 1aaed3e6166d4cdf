//! `Upload-Checksum`: what the bytes of one request have to come to.

use basalt_core::{Code, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What `Tus-Checksum-Algorithm` names.
pub const ALGORITHMS: &str = "sha1,sha256";

#[derive(Clone, Debug)]
pub struct Checksum {
    expected: Vec<u8>,
    so_far: SoFar,
}

#[derive(Clone, Debug)]
enum SoFar {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    pub fn parse(header: &str) -> Result<Self> {
        let (algorithm, expected) = header.trim().split_once(' ').unwrap_or((header, ""));
        let so_far = match algorithm {
            "sha1" => SoFar::Sha1(Sha1::new()),
            "sha256" => SoFar::Sha256(Sha256::new()),
            _ => return Err(refused("Upload-Checksum knows sha1 and sha256.")),
        };
        let expected = STANDARD.decode(expected.trim()).map_err(|_| refused("A checksum is in base64."))?;
        let length = if matches!(so_far, SoFar::Sha1(_)) { 20 } else { 32 };
        if expected.len() != length {
            return Err(refused(&format!("A checksum by {algorithm} has {length} bytes.")));
        }
        Ok(Self { expected, so_far })
    }

    pub(super) fn take(&mut self, piece: &[u8]) {
        match &mut self.so_far {
            SoFar::Sha1(hash) => hash.update(piece),
            SoFar::Sha256(hash) => hash.update(piece),
        }
    }

    pub(super) fn verify(self) -> Result<()> {
        let found = match self.so_far {
            SoFar::Sha1(hash) => hash.finalize().to_vec(),
            SoFar::Sha256(hash) => hash.finalize().to_vec(),
        };
        if bool::from(found.ct_eq(&self.expected)) {
            return Ok(());
        }
        Err(Error::new(Code::ChecksumMismatch, "These bytes have another checksum; none of them was kept."))
    }
}

fn refused(detail: &str) -> Error {
    Error::new(Code::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_bytes_pass_and_others_do_not() {
        // Of "hello world".
        for header in ["sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="] {
            let mut checksum = Checksum::parse(header).unwrap();
            checksum.take(b"hello ");
            let mut other = checksum.clone();
            checksum.take(b"world");
            checksum.verify().unwrap();
            other.take(b"World");
            assert_eq!(other.verify().unwrap_err().code(), Code::ChecksumMismatch);
        }
    }

    #[test]
    fn odd_checksums_are_refused() {
        for odd in ["", "md5 AAAA", "sha1", "sha1 !", "sha1 AAAA", "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0="] {
            assert_eq!(Checksum::parse(odd).unwrap_err().code(), Code::BadRequest, "{odd:?}");
        }
    }
}
