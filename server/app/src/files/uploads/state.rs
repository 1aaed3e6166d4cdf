//! An upload's cell, and what may become of it: pure, so that whoever decides under whatever race decides the same.

use basalt_blob::Parts;
use basalt_core::{Code, DocumentId, Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::lease::Lease;
use super::sum::KeptSum;
use super::{Finished, Progress, REMEMBERED, UploadId, WAITS, expired, not_found};
use crate::common::{Flow, Tx};
use crate::files::{Target, register};

/// By the upload's name.
pub const UPLOADS: &str = "uploads";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Upload {
    pub(super) bucket: basalt_core::BucketName,
    pub(super) path: basalt_core::FilePath,
    /// Who goes on with it.
    pub(super) owner: String,
    /// Whose count it is in.
    pub(super) counted: String,
    /// The id of the file that it will be, if there is none at its place.
    pub(super) file: DocumentId,
    /// As the client sent it.
    pub(super) metadata: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) declared: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Map<String, Value>>,
    /// Whether there must be no file at its place.
    #[serde(default)]
    pub(super) only_new: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<u64>,
    /// In milliseconds.
    pub(super) expires_at: i64,
    pub(super) stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Stage {
    #[serde(rename_all = "camelCase")]
    Open { parts: Parts, sum: KeptSum, lease: Option<Lease> },
    /// It is a file.
    #[serde(rename_all = "camelCase")]
    Done { size: u64, file: DocumentId, sha256: String },
    /// Nobody went on with it; its parts are being removed.
    Over { parts: Parts },
}

impl Upload {
    pub(super) fn target(&self) -> Target {
        Target { bucket: self.bucket.clone(), path: self.path.clone() }
    }

    /// The caller's own, in this bucket, and not over. Another's isn't there.
    pub(super) fn check(&self, owner: &str, bucket: &basalt_core::BucketName, now: Timestamp) -> Result<()> {
        if self.owner != owner || self.bucket != *bucket {
            return Err(not_found());
        }
        let late = matches!(self.stage, Stage::Open { .. }) && Timestamp::from_millis(self.expires_at) <= now;
        if late || matches!(self.stage, Stage::Over { .. }) { Err(expired()) } else { Ok(()) }
    }

    pub(super) fn offset(&self) -> u64 {
        match &self.stage {
            Stage::Open { parts, .. } => parts.offset(),
            Stage::Done { size, .. } => *size,
            Stage::Over { .. } => 0,
        }
    }

    /// All bytes are there, and the file isn't made yet.
    pub(super) fn is_whole(&self) -> bool {
        matches!(&self.stage, Stage::Open { parts, .. } if Some(parts.offset()) == self.length)
    }

    /// The lease, if the upload is open.
    pub(super) fn lease(&mut self) -> Option<&mut Option<Lease>> {
        match &mut self.stage {
            Stage::Open { lease, .. } => Some(lease),
            Stage::Done { .. } | Stage::Over { .. } => None,
        }
    }

    /// Whether a request may write on at `offset`; a length that was left open is said now.
    /// `said`: the offset, the length of the whole, and the size of the chunk.
    pub(super) fn check_chunk(&mut self, said: (u64, Option<u64>, Option<u64>), most: u64) -> Result<()> {
        let (offset, length, size) = said;
        if offset != self.offset() {
            let detail = format!("The upload stands at {}.", self.offset());
            return Err(Error::new(Code::OffsetMismatch, detail).with("offset", self.offset()));
        }
        if let Some(length) = length {
            if self.length.is_some_and(|known| known != length) || length < offset {
                return Err(Error::new(Code::BadRequest, "Upload-Length is said once, and isn't below the offset."));
            }
            check_length(length, most)?;
            self.length = Some(length);
        }
        let end = offset.saturating_add(size.unwrap_or(0));
        if end > self.length.unwrap_or(most) { Err(self.too_much(most)) } else { Ok(()) }
    }

    /// More bytes than were said, or than the bucket takes.
    pub(super) fn too_much(&self, most: u64) -> Error {
        let beyond =
            |length| Error::new(Code::TooLarge, format!("These bytes go beyond the upload's length, {length}."));
        self.length.map_or_else(|| crate::files::too_large(most), beyond)
    }

    /// Bytes came.
    pub(super) fn moved(&mut self, now: Timestamp) {
        self.expires_at = now.plus(WAITS).millis();
    }

    pub(super) fn progress(&self, id: &UploadId) -> Progress {
        let file = match &self.stage {
            Stage::Done { file, sha256, .. } => Some(Finished { id: file.clone(), sha256: sha256.clone(), seq: None }),
            Stage::Open { .. } | Stage::Over { .. } => None,
        };
        Progress {
            id: id.clone(),
            offset: self.offset(),
            length: self.length,
            metadata: self.metadata.clone(),
            expires_at: Timestamp::from_millis(self.expires_at),
            file,
        }
    }

    /// Keeps the sweep of bytes from those of an upload that is under way, however old they are.
    pub(super) fn hold_bytes(&self, tx: &mut Tx<'_>, id: &UploadId) -> Flow<()> {
        let key = register::blob_key(self.parts()?.key().as_str());
        tx.put_cell(&key, json!({ "upload": id.as_str() }), None);
        Ok(())
    }

    /// They are a file's now, or nobody's.
    pub(super) fn let_bytes_go(&self, tx: &mut Tx<'_>) -> Flow<()> {
        let Ok(parts) = self.parts() else { return Ok(()) };
        let key = register::blob_key(parts.key().as_str());
        if tx.cell(&key)?.is_some_and(|holder| holder.get("upload").is_some()) {
            tx.delete_cell(&key);
        }
        Ok(())
    }

    /// Reads an upload's cell.
    pub(super) fn of(tx: &mut Tx<'_>, id: &UploadId) -> Flow<Option<Self>> {
        match tx.cell(&id.cell())? {
            Some(value) => Ok(Some(serde_json::from_value(value).map_err(Error::internal)?)),
            None => Ok(None),
        }
    }

    pub(super) fn put(&self, tx: &mut Tx<'_>, id: &UploadId) -> Flow<()> {
        let value = serde_json::to_value(self).map_err(Error::internal)?;
        let until = Timestamp::from_millis(self.expires_at).plus(REMEMBERED);
        tx.put_cell(&id.cell(), value, Some(until));
        Ok(())
    }
}

pub(super) fn check_length(length: u64, most: u64) -> Result<()> {
    if length > most { Err(crate::files::too_large(most)) } else { Ok(()) }
}
