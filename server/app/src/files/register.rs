//! Which bytes are whose: a cell for each content of a bucket, with the count of the files that have it.
//!
//! References change in the batch of the document that has them. The same content twice in a bucket is kept once. Bytes
//! that no file has any more leave an hour later, if none has them then either; what was written for a file that never
//! came to be is found by its key, which no register knows.

use std::time::Duration;

use basalt_blob::Key;
use basalt_core::{BucketName, Error, Result, Timestamp};
use basalt_store::{CellKey, NewJob, Read};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::common::{Flow, Tx, cell};

/// By bucket and content.
pub const CONTENTS: &str = "contents";
/// By the key of the bytes: what holds them.
pub const BLOBS: &str = "blobs";
/// The job that lets bytes go.
pub const LET_GO: &str = "files.let_go";
/// How long bytes stay after the last file that had them: downloads under way end, and the same content may come again.
pub(super) const LINGER: Duration = Duration::from_hours(1);

/// The bytes of one content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    pub(super) key: String,
    pub(super) size: u64,
    /// Files that have it.
    pub(super) files: u64,
    /// Since when none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unused_since: Option<i64>,
}

/// What [`LET_GO`] is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LetGo {
    pub(super) bucket: BucketName,
    pub(super) sha256: String,
    pub(super) key: String,
}

impl Content {
    pub(super) fn key(&self) -> Result<Key> {
        Key::parse(&self.key)
    }
}

pub(super) fn content_key(bucket: &BucketName, sha256: &str) -> CellKey {
    CellKey::new(CONTENTS, format!("{bucket}/{sha256}"))
}

pub(super) fn blob_key(key: &str) -> CellKey {
    CellKey::new(BLOBS, key)
}

pub(super) fn read(bucket: &BucketName, sha256: &str) -> Read {
    cell(&content_key(bucket, sha256))
}

pub(super) fn content(tx: &mut Tx<'_>, bucket: &BucketName, sha256: &str) -> Flow<Option<Content>> {
    match tx.cell(&content_key(bucket, sha256))? {
        Some(value) => Ok(Some(serde_json::from_value(value).map_err(Error::internal)?)),
        None => Ok(None),
    }
}

/// One more file has these bytes, which lie under `key` unless the bucket has them already.
pub(super) fn take(tx: &mut Tx<'_>, bucket: &BucketName, sha256: &str, (key, size): (&Key, u64)) -> Flow<()> {
    let known = content(tx, bucket, sha256)?;
    let next = if let Some(known) = known {
        Content { files: known.files + 1, unused_since: None, ..known }
    } else {
        tx.put_cell(&blob_key(key.as_str()), json!({ "bucket": bucket, "sha256": sha256 }), None);
        Content { key: key.to_string(), size, files: 1, unused_since: None }
    };
    put(tx, bucket, sha256, &next)
}

/// One file less has them.
pub(super) fn release(tx: &mut Tx<'_>, bucket: &BucketName, sha256: &str) -> Flow<()> {
    let Some(known) = content(tx, bucket, sha256)? else { return Ok(()) };
    let files = known.files.saturating_sub(1);
    let unused_since = (files == 0).then(|| tx.now().millis());
    let next = Content { files, unused_since, ..known };
    if unused_since.is_some() {
        tx.enqueue(let_go(bucket, sha256, &next.key, tx.now().plus(LINGER))?);
    }
    put(tx, bucket, sha256, &next)
}

fn put(tx: &mut Tx<'_>, bucket: &BucketName, sha256: &str, content: &Content) -> Flow<()> {
    let value = serde_json::to_value(content).map_err(Error::internal)?;
    tx.put_cell(&content_key(bucket, sha256), value, None);
    Ok(())
}

fn let_go(bucket: &BucketName, sha256: &str, key: &str, run_at: Timestamp) -> Result<NewJob> {
    let told = LetGo { bucket: bucket.clone(), sha256: sha256.to_owned(), key: key.to_owned() };
    let payload = serde_json::to_value(told).map_err(Error::internal)?;
    Ok(NewJob { kind: LET_GO.into(), key: None, order_key: None, payload, run_at })
}

/// Takes bytes out of the register that no file has had for an hour; whether they may go. (A job that comes again
/// finds them gone from it, and another key where the content has come again.)
pub(super) fn forget(tx: &mut Tx<'_>, told: &LetGo) -> Flow<bool> {
    let known = content(tx, &told.bucket, &told.sha256)?.filter(|known| known.key == told.key);
    let Some(known) = known else { return Ok(true) };
    let over = |since: i64| Timestamp::from_millis(since).plus(LINGER) <= tx.now();
    if !known.unused_since.is_some_and(over) {
        return Ok(false);
    }
    tx.delete_cell(&content_key(&told.bucket, &told.sha256));
    tx.delete_cell(&blob_key(&told.key));
    Ok(true)
}
