//! What every store of bytes promises, asked of each that is at hand: a local folder always, the others where
//! `tests/objects` started one and named its place in the environment.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use basalt_blob::{AnswerHeaders, Blobs, Parts, Place};
use bytes::Bytes;
use common::{bytes_of, everywhere, key, keys, read, same, write, write_all};
use futures_util::TryStreamExt;
use std::time::Duration;

/// More than two parts of a multipart upload, and a rest.
const LARGE: usize = 11 * 1024 * 1024 + 4_321;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_finished_is_there_and_whole() {
    everywhere(async |blobs, place| {
        for size in [0, 1, 4096, 262_144, 262_145, 1_000_000, 5 * 1024 * 1024, LARGE] {
            let (key, bytes) = (key(), bytes_of(size));
            write_all(&blobs, &key, &bytes).await;
            assert_eq!(blobs.size(&key).await.unwrap(), Some(size as u64), "{place}");
            same(&read(&blobs, &key, 0..size as u64).await, &bytes, place);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_finished_is_nowhere() {
    everywhere(async |blobs, place| {
        let (written, begun) = (key(), key());
        let mut writing = blobs.create(&written).await.unwrap();
        write(&mut writing, &bytes_of(6 * 1024 * 1024)).await;
        let parts = stretch(&blobs, &blobs.begin(&begun).await.unwrap(), &bytes_of(6 * 1024 * 1024)).await;
        for key in [&written, &begun] {
            assert_eq!(blobs.size(key).await.unwrap(), None, "{place}");
            assert!(blobs.read(key, 0..1).await.is_err(), "{place}");
            assert!(!keys(&blobs).await.contains(key), "{place}");
        }
        writing.finish().await.unwrap();
        blobs.complete(&parts).await.unwrap();
        let listed = keys(&blobs).await;
        assert!(listed.contains(&written) && listed.contains(&begun), "{place}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_swept_and_what_is_finished_is_not() {
    everywhere(async |blobs, place| {
        let (whole, dropped, left) = (key(), key(), key());
        write_all(&blobs, &whole, &bytes_of(10)).await;
        let mut writing = blobs.create(&dropped).await.unwrap();
        write(&mut writing, &bytes_of(LARGE)).await;
        drop(writing);
        let begun = blobs.begin(&left).await.unwrap();
        let parts = stretch(&blobs, &begun, &bytes_of(LARGE)).await;
        assert_eq!(blobs.sweep(common::early()).await.unwrap(), 0, "{place}: what is young stays");
        assert!(blobs.sweep(common::late()).await.unwrap() >= 1, "{place}");
        assert_eq!(blobs.sweep(common::late()).await.unwrap(), 0, "{place}: nothing is left");
        assert!(blobs.complete(&parts).await.is_err(), "{place}");
        assert_eq!(blobs.size(&left).await.unwrap(), None, "{place}");
        assert_eq!(blobs.size(&dropped).await.unwrap(), None, "{place}");
        assert_eq!(blobs.size(&whole).await.unwrap(), Some(10), "{place}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_exact() {
    everywhere(async |blobs, place| {
        let (key, bytes) = (key(), bytes_of(300_000));
        write_all(&blobs, &key, &bytes).await;
        for (from, to) in [(0, 1), (0, 300_000), (65_535, 65_537), (299_999, 300_000), (7, 200_001), (5, 5)] {
            same(&read(&blobs, &key, from as u64..to as u64).await, &bytes[from..to], place);
        }
        assert!(blobs.read(&key, 299_999..300_001).await.is_err(), "{place}: beyond the end");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_stood() {
    everywhere(async |blobs, place| {
        let (key, bytes) = (key(), bytes_of(LARGE));
        let mut parts = blobs.begin(&key).await.unwrap();
        // Below, at and beyond the size of a part, and pieces of one byte.
        let steps = [1_000_000, 1, 1_000_000, 3_242_879, 5 * 1024 * 1024, 1, LARGE];
        for step in steps {
            let from = usize::try_from(parts.offset()).unwrap();
            let to = LARGE.min(from + step);
            parts = stretch(&blobs, &parts, &bytes[from..to]).await;
            assert_eq!(parts.offset(), to as u64, "{place}");
        }
        blobs.complete(&parts).await.unwrap();
        same(&read(&blobs, &key, 0..LARGE as u64).await, &bytes, place);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broken_try_wrote_is_dropped() {
    everywhere(async |blobs, place| {
        let (key, bytes) = (key(), bytes_of(LARGE));
        let mut parts = stretch(&blobs, &blobs.begin(&key).await.unwrap(), &bytes[..1_000_000]).await;
        for lost in [10, 300_000, 6_000_000] {
            let mut broken = blobs.append(&parts).await.unwrap();
            broken.write(bytes_of(lost)).await.unwrap();
            drop(broken);
            // Saved, but its state was never kept: the one before it still holds.
            let mut unkept = blobs.append(&parts).await.unwrap();
            unkept.write(bytes_of(lost)).await.unwrap();
            unkept.save().await.unwrap();
            let from = usize::try_from(parts.offset()).unwrap();
            parts = stretch(&blobs, &parts, &bytes[from..from + 100_000]).await;
        }
        let from = usize::try_from(parts.offset()).unwrap();
        parts = stretch(&blobs, &parts, &bytes[from..]).await;
        blobs.complete(&parts).await.unwrap();
        same(&read(&blobs, &key, 0..LARGE as u64).await, &bytes, place);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_may_be_repeated() {
    everywhere(async |blobs, place| {
        for size in [0, 5_000, LARGE] {
            let (key, bytes) = (key(), bytes_of(size));
            let begun = blobs.begin(&key).await.unwrap();
            let parts = if size == 0 { begun } else { stretch(&blobs, &begun, &bytes).await };
            for _ in 0..3 {
                blobs.complete(&parts).await.unwrap();
                same(&read(&blobs, &key, 0..size as u64).await, &bytes, place);
            }
            // Nor does giving it up afterwards hurt the file.
            blobs.abandon(&parts).await.unwrap();
            assert_eq!(blobs.size(&key).await.unwrap(), Some(size as u64), "{place}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_upload_leaves_nothing() {
    everywhere(async |blobs, place| {
        for size in [10, LARGE] {
            let key = key();
            let parts = stretch(&blobs, &blobs.begin(&key).await.unwrap(), &bytes_of(size)).await;
            blobs.abandon(&parts).await.unwrap();
            blobs.abandon(&parts).await.unwrap();
            assert!(blobs.complete(&parts).await.is_err(), "{place}");
            assert_eq!(blobs.sweep(common::late()).await.unwrap(), 0, "{place}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_a_file_of_its_own() {
    everywhere(async |blobs, place| {
        let (from, to, bytes) = (key(), key(), bytes_of(100_000));
        write_all(&blobs, &from, &bytes).await;
        blobs.copy(&from, &to).await.unwrap();
        blobs.delete(&from).await.unwrap();
        same(&read(&blobs, &to, 0..100_000).await, &bytes, place);
        assert!(blobs.copy(&from, &key()).await.is_err(), "{place}: what isn't there");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_what_is_not_there_is_fine() {
    everywhere(async |blobs, place| {
        let key = key();
        blobs.delete(&key).await.unwrap();
        write_all(&blobs, &key, b"x").await;
        blobs.delete(&key).await.unwrap();
        blobs.delete(&key).await.unwrap();
        assert_eq!(blobs.size(&key).await.unwrap(), None, "{place}");
        assert!(!keys(&blobs).await.contains(&key), "{place}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_sizes_and_times() {
    everywhere(async |blobs, place| {
        let written: Vec<_> = (0..5).map(|number| (key(), 100 + number)).collect();
        for (key, size) in &written {
            write_all(&blobs, key, &bytes_of(*size)).await;
        }
        let listed: Vec<_> = blobs.list().try_collect().await.unwrap();
        for (key, size) in &written {
            let stored = listed.iter().find(|stored| stored.key == *key).unwrap_or_else(|| panic!("{place}: {key}"));
            assert_eq!(stored.size, *size as u64, "{place}");
            assert!(stored.modified > common::early() && stored.modified < common::late(), "{place}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_write_at_once() {
    everywhere(async |blobs, place| {
        let files: Vec<_> = (0..32).map(|number| (key(), bytes_of(4096 + number))).collect();
        let writes = files.iter().map(|(key, bytes)| write_all(&blobs, key, bytes));
        futures_util::future::join_all(writes).await;
        for (key, bytes) in &files {
            same(&read(&blobs, key, 0..bytes.len() as u64).await, bytes, place);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_url_carries_the_headers_or_there_is_none() {
    everywhere(async |blobs, place| {
        let key = key();
        write_all(&blobs, &key, b"hello").await;
        let answer = AnswerHeaders {
            content_type: Some("text/plain".into()),
            content_disposition: Some("attachment; filename=\"a.txt\"".into()),
        };
        let url = blobs.presign(&key, Duration::from_mins(1), &answer).await.unwrap();
        assert_eq!(url.is_some(), place == "s3", "{place}");
        if let Some(url) = url {
            assert!(url.contains("response-content-type=text%2Fplain") && url.contains("Signature="), "{url}");
        }
        assert_eq!(blobs.is_shared(), place != "local");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_that_is_given_up_takes_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(Place::Local(folder.path().to_owned())).await.unwrap();
    let parts = stretch(&blobs, &blobs.begin(&key()).await.unwrap(), &bytes_of(1_000)).await;
    let mut broken = blobs.append(&parts).await.unwrap();
    broken.write(bytes_of(1_000_000)).await.unwrap();
    drop(broken);
    // Who goes on waits for the one before to be gone.
    blobs.append(&parts).await.unwrap().save().await.unwrap();
    let partial = std::fs::read_dir(folder.path().join("partial")).unwrap();
    let sizes: Vec<u64> = partial.map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    assert_eq!(sizes, [1_000]);
}

async fn stretch(blobs: &Blobs, parts: &Parts, bytes: &[u8]) -> Parts {
    let mut appending = blobs.append(parts).await.unwrap();
    for piece in bytes.chunks(70_000) {
        appending.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    appending.save().await.unwrap()
}
