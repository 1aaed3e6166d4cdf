//! What is known of an upload's bytes so far, in a form that is kept with its offset.

use basalt_core::{Error, Result};
use basalt_data::collections::Bucket;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};

use crate::common::hex;
use crate::files::sniff::HEAD;
use crate::files::upload::allowed_type;

/// The hash and the first bytes, as they stand after an offset.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    hash: Sha256,
    head: Head,
}

#[derive(Clone, Debug)]
enum Head {
    /// Too few bytes to tell the type by.
    Gathering(Vec<u8>),
    Told(String),
}

/// A [`Sum`] as it is kept. (The form of the hash's state is the crate's, which promises it for its minor version; an
/// upload that another version can't read is begun anew by its client.)
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptSum {
    hash: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    head: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
}

impl Default for Head {
    fn default() -> Self {
        Self::Gathering(Vec::new())
    }
}

impl Sum {
    /// Takes the next bytes; the type is told, and refused where the bucket doesn't take it, once enough are there.
    pub(super) fn take(&mut self, piece: &[u8], bucket: &Bucket, declared: Option<&str>) -> Result<()> {
        self.hash.update(piece);
        if let Head::Gathering(head) = &mut self.head {
            let wanted = HEAD.saturating_sub(head.len()).min(piece.len());
            head.extend_from_slice(&piece[..wanted]);
            if head.len() == HEAD {
                self.head = Head::Told(allowed_type(bucket, declared, head)?);
            }
        }
        Ok(())
    }

    /// Of the whole: its SHA-256 in hex and its type.
    pub(super) fn finish(self, bucket: &Bucket, declared: Option<&str>) -> Result<(String, String)> {
        let content_type = match self.head {
            Head::Told(content_type) => content_type,
            Head::Gathering(head) => allowed_type(bucket, declared, &head)?,
        };
        Ok((hex(&self.hash.finalize()), content_type))
    }

    pub(super) fn keep(&self) -> KeptSum {
        let hash = STANDARD.encode(self.hash.serialize());
        match &self.head {
            Head::Gathering(head) => KeptSum { hash, head: STANDARD.encode(head), content_type: None },
            Head::Told(content_type) => KeptSum { hash, head: String::new(), content_type: Some(content_type.clone()) },
        }
    }
}

impl KeptSum {
    pub(super) fn read(&self) -> Result<Sum> {
        let bad = || Error::internal("the kept state of a hash can't be read");
        let hash = STANDARD.decode(&self.hash).map_err(|_| bad())?;
        let state = SerializedState::<Sha256>::try_from(&hash[..]).map_err(|_| bad())?;
        let head = match &self.content_type {
            Some(content_type) => Head::Told(content_type.clone()),
            None => Head::Gathering(STANDARD.decode(&self.head).map_err(|_| bad())?),
        };
        Ok(Sum { hash: Sha256::deserialize(&state).map_err(|_| bad())?, head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_was_kept_and_read_goes_on() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
        let bucket = Bucket::default();
        for step in [1, 63, 64, 65, 1_000, 8_192, 19_999] {
            let mut sum = Sum::default();
            for piece in bytes.chunks(step) {
                let kept = serde_json::to_value(sum.keep()).unwrap();
                sum = serde_json::from_value::<KeptSum>(kept).unwrap().read().unwrap();
                sum.take(piece, &bucket, Some("audio/mpeg")).unwrap();
                if step == 1 && bytes.len() > 2_000 {
                    break;
                }
            }
            if step > 1 {
                assert_eq!(sum.finish(&bucket, None).unwrap().0, hex(&Sha256::digest(&bytes)), "{step}");
            }
        }
    }

    #[test]
    fn the_type_is_told_by_the_first_bytes_and_kept() {
        let bucket = Bucket::default();
        let mut sum = Sum::default();
        sum.take(b"\x89PNG\r\n\x1a\n", &bucket, Some("text/plain")).unwrap();
        let mut sum = sum.keep().read().unwrap();
        sum.take(&[0; HEAD], &bucket, Some("text/plain")).unwrap();
        let sum = sum.keep().read().unwrap();
        assert!(sum.keep().head.is_empty());
        assert_eq!(sum.finish(&bucket, Some("text/plain")).unwrap().1, "image/png");
    }
}
