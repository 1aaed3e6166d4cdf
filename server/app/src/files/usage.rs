//! How much a bucket holds, counted in the batch of each file: a quota can't be overrun by many at once.

use basalt_core::{BucketName, Code, Error};
use basalt_store::{CellKey, Read};
use serde::{Deserialize, Serialize};

use crate::common::{Flow, Tx, cell};

/// By bucket.
pub const USAGE: &str = "buckets";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub bytes: u64,
    pub files: u64,
}

pub(super) fn key(bucket: &BucketName) -> CellKey {
    CellKey::new(USAGE, bucket.as_str())
}

pub(super) fn read(bucket: &BucketName) -> Read {
    cell(&key(bucket))
}

pub(super) fn usage(tx: &mut Tx<'_>, bucket: &BucketName) -> Flow<Usage> {
    match tx.cell(&key(bucket))? {
        Some(value) => Ok(serde_json::from_value(value).map_err(Error::internal)?),
        None => Ok(Usage::default()),
    }
}

/// A file of so many bytes comes in the place of one of `instead`.
pub(super) fn add(
    tx: &mut Tx<'_>,
    bucket: &BucketName,
    quota: Option<u64>,
    (bytes, instead): (u64, Option<u64>),
) -> Flow<()> {
    let now = usage(tx, bucket)?;
    let next = Usage {
        bytes: now.bytes.saturating_sub(instead.unwrap_or(0)).saturating_add(bytes),
        files: now.files + u64::from(instead.is_none()),
    };
    if let Some(quota) = quota.filter(|quota| next.bytes > *quota && next.bytes > now.bytes) {
        return Err(full(quota).into());
    }
    put(tx, bucket, next)
}

pub(super) fn remove(tx: &mut Tx<'_>, bucket: &BucketName, bytes: u64) -> Flow<()> {
    let now = usage(tx, bucket)?;
    let next = Usage { bytes: now.bytes.saturating_sub(bytes), files: now.files.saturating_sub(1) };
    put(tx, bucket, next)
}

fn put(tx: &mut Tx<'_>, bucket: &BucketName, usage: Usage) -> Flow<()> {
    tx.put_cell(&key(bucket), serde_json::to_value(usage).map_err(Error::internal)?, None);
    Ok(())
}

fn full(quota: u64) -> Error {
    Error::new(Code::BucketFull, format!("The bucket has room for {quota} bytes in all, and no more for this file."))
}
