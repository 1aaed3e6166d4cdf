//! Stores to ask, and bytes to give them.

use std::fs::File;
use std::io::Read;
use std::ops::Range;

use basalt_blob::{Blobs, Key, Place, Writing};
use basalt_core::Timestamp;
use basalt_core::random::Random;
use bytes::Bytes;
use futures_util::TryStreamExt;

/// Runs a test on every store at hand. Each gets a prefix of its own, so that tests don't see one another.
pub(crate) async fn everywhere(test: impl AsyncFn(Blobs, &str)) {
    let folder = tempfile::tempdir().unwrap();
    test(Blobs::open(Place::Local(folder.path().join("files"))).await.unwrap(), "local").await;
    for (variable, place) in [("BASALT_TEST_S3", "s3"), ("BASALT_TEST_GCS", "gcs"), ("BASALT_TEST_AZURE", "azure")] {
        let Some(url) = variable_of(variable) else { continue };
        let (bucket, query) = url.split_once('?').unwrap_or((&url, ""));
        let own = format!("{}/{}?{query}", bucket.trim_end_matches('/'), key().as_str().replace('/', "-"));
        test(Blobs::open(Place::parse(&own, &|_| None).unwrap()).await.unwrap(), place).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "which stores are at hand is told by the environment")]
fn variable_of(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

struct Urandom;

impl Random for Urandom {
    fn fill(&self, bytes: &mut [u8]) {
        File::open("/dev/urandom").unwrap().read_exact(bytes).unwrap();
    }
}

pub(crate) fn key() -> Key {
    Key::generate(Timestamp::from_millis(1_767_225_600_000), &Urandom)
}

/// Bytes that no two places have in common.
pub(crate) fn bytes_of(length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    Urandom.fill(&mut bytes);
    bytes.into()
}

pub(crate) fn early() -> Timestamp {
    Timestamp::from_millis(1)
}

pub(crate) fn late() -> Timestamp {
    Timestamp::MAX
}

pub(crate) async fn write(writing: &mut Writing, bytes: &[u8]) {
    for piece in bytes.chunks(100_000) {
        writing.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
}

pub(crate) async fn write_all(blobs: &Blobs, key: &Key, bytes: &[u8]) {
    let mut writing = blobs.create(key).await.unwrap();
    write(&mut writing, bytes).await;
    writing.finish().await.unwrap();
}

pub(crate) async fn read(blobs: &Blobs, key: &Key, range: Range<u64>) -> Vec<u8> {
    let pieces: Vec<Bytes> = blobs.read(key, range).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

pub(crate) async fn keys(blobs: &Blobs) -> Vec<Key> {
    blobs.list().map_ok(|stored| stored.key).try_collect().await.unwrap()
}

/// Without printing megabytes.
pub(crate) fn same(found: &[u8], expected: &[u8], place: &str) {
    assert!(found == expected, "{place}: {} bytes differ from {} expected", found.len(), expected.len());
}
